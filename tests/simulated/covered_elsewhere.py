COVERED_ELSEWHERE: dict[str, dict[str, list[str]]] = {}

"""The models that the papers explain their measurements with: pure functions, no file, no screen, no instrument."""

"""How a procedure is run: its plan, the worker, what is recorded, and what is made of it.

* ``scan.py``: the base of procedures. ``worker.py``: runs one, in a thread.
* ``folder.py``, ``recorder.py``, ``journal.py``: what a run writes, so that nothing is lost.
* ``bus.py``, ``live.py``: rows as they come, for eyes only.
* ``run.py``: all of that joined. ``reader.py``, ``foreign.py``: runs and files of others, read back.
* ``reduce.py``, ``report.py``: results and the page that shows them.
* ``campaign_file.py``, ``jobs.py``: a campaign's runs. ``campaign_queue.py``, ``campaign.py``, ``conditions.py``,
  ``notify.py``: how they are run. ``pace.py``, ``time_left.py``: the time to go.
* ``rehearse.py``, ``bench_watch.py``, ``thinning.py``, ``rehearsal_checks.py``, ``rehearsal_table.py``: the same in
  virtual time.
"""

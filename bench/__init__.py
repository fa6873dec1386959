"""Benchmarks: ours and libtorrent measured in the same run.  `python -m bench` from the root; see README.md."""

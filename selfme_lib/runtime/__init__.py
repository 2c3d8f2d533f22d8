"""What a computation needs of the machine: files that appear whole, fingerprints, settings that are checked, devices, processes.

Imports nothing else of this package. Begin with `files` (atomic writing), then `fingerprint` (under which name a result is kept).
"""

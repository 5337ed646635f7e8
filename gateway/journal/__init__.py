"""The journal: the append-only record of decisions (docs/journal.md tells the format).

    record.py    one decision: struct cw_record and what its indexes mean (Names)
    segment.py   one file: header and frames, appending to it
    writer.py    rings -> memory -> segments, in two threads of its own
    reader.py    segments -> decoded records, with or without a running gateway

Rules: numbers stand in the journal whole, so its directory is 0700 and its files 0600; the data plane never
waits for it; what it loses is counted and alarmed; a reader never needs the program that wrote.
"""

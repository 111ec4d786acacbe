"""The playbook as a document: its schema, loader, lint and compiler, and the playbooks that are shipped.

``load`` reads files, ``lint`` finds what is wrong, ``compile`` makes the rows that the core decides by, and
``prometheus`` writes the same thresholds as a rule file. `docs/playbook.md` explains it to authors.
"""

"""Letters: what each kind says, in French and English (``fr/``, ``en/``), and how what is in the outbox leaves.

A kind is a row of ``LETTER_KINDS``, a file of words for each language, and sample facts to preview it with. Its first
line is the subject, paragraphs follow; greeting and signature are ``frame.txt``. The HTML part has the same words.
"""

"""Documents for people and their spreadsheets: PDF by Typst, with the templates beside the code, and CSV.

``pdf.py`` and ``paper.typ`` are for every document; the others are one each. What a document says is put into words
here; what it counts comes from the domain.
"""

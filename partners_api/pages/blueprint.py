"""Everything people look at; a file beside this one adds its pages to it with ``@page``."""

from flask import Blueprint

PAGES = "pages"

pages = Blueprint(PAGES, __name__, template_folder="templates")

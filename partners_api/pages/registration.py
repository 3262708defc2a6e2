"""Adds the pages to the application: one call in the factory."""

from importlib import import_module

from flask import Flask
from werkzeug.utils import find_modules

from partners_api.languages import language_of_request
from partners_api.pages.assets import asset_url, assets
from partners_api.pages.blueprint import pages
from partners_api.pages.figures import why_not_compared
from partners_api.pages.navigation import entries_for
from partners_api.pages.preferences import THEMES, remember, switch_url, theme_of_request
from partners_api.pages.questions import question_in_url
from partners_api.pages.refusals import register_page_errors
from partners_api.pages.security import pack_page, secure_page
from partners_api.pages.translations import translate_templates
from partners_api.pages.viewers import find_viewer
from partners_api.pages.words import teach_filters
from rewards.languages import LANGUAGES

for audience in ("authorities", "public"):
    # A file there is imported for the pages it adds, and is named nowhere else.
    for module in find_modules(f"partners_api.pages.{audience}"):
        import_module(module)

# Those registered last run first: a page is packed when all else is done.
pages.after_request(pack_page)
pages.after_request(remember)
pages.after_request(secure_page)


def register_pages(app: Flask) -> None:
    """Add pages, what they are made of, and their errors to ``app``."""
    translate_templates(app)
    teach_filters(app)
    app.jinja_env.globals.update(
        asset_url=asset_url,
        entries_for=entries_for,
        find_viewer=find_viewer,
        language_of_request=language_of_request,
        languages=LANGUAGES,
        question_in_url=question_in_url,
        switch_url=switch_url,
        theme_of_request=theme_of_request,
        themes=THEMES,
        why_not_compared=why_not_compared,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(assets)
    app.register_blueprint(pages)
    register_page_errors(app)

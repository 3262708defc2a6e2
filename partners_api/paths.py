"""Parts of paths that are more than text."""

from werkzeug.routing import IntegerConverter, Map


class YearConverter(IntegerConverter):
    """A year of this century.

    By its pattern: a path whose number is only found out of bounds later is no path of that method any more, but still
    one of the others, and was answered with 405 instead of 404.
    """

    regex = "20[0-9]{2}"

    def __init__(self, map: Map) -> None:
        super().__init__(map, min=2000, max=2099)

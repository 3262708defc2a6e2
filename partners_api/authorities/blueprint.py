"""Everything below ``/authority``."""

from partners_api.operations import Blueprint

authorities = Blueprint("authority", __name__, url_prefix="/authority", description="For an authority's agents")

"""Everything below ``/citizen``."""

from partners_api.operations import Blueprint

citizens = Blueprint("citizen", __name__, url_prefix="/citizen", description="For citizens' applications")

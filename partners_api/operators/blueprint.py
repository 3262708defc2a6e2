"""The part of the API for those who run the installation; its operations are in the files beside."""

from partners_api.operations import Blueprint

operators = Blueprint(
    "operator", __name__, url_prefix="/operator", description="For those who run the installation; one authority a call"
)

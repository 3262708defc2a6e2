"""Agents sign in with a code sent by e-mail: the API's functions behind two forms."""

from typing import Any

import marshmallow as ma
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import fields

from partners_api.authorities.sign_ins import begin_agent_sign_in, open_agent_session
from partners_api.pages.page import page, render
from partners_api.pages.refusals import require_own_path
from partners_api.sign_ins import EnteredCodeOfSignInSchema, SignInRequestSchema
from partners_api.texts import EMAIL, SLUG

SIGN_IN, ENTER_CODE = "sign_in.html", "sign_in_code.html"


class ReturnSchema(ma.Schema):
    """Where to go afterwards, and why somebody is here."""

    next = fields.String(load_default=None, validate=require_own_path)
    why = fields.String(load_default=None)
    authority = fields.String(load_default="", validate=SLUG)
    email = fields.String(load_default="", validate=EMAIL)


class SignInFormSchema(SignInRequestSchema):
    """The first form."""

    next = fields.String(load_default=None, validate=require_own_path)


class CodePageSchema(ma.Schema):
    """The sign-in under way, in the address of the second form."""

    authority = fields.String(required=True, validate=SLUG)
    sign_in_id = fields.UUID(required=True)
    next = fields.String(load_default=None, validate=require_own_path)


class CodeFormSchema(EnteredCodeOfSignInSchema):
    """The second form."""

    next = fields.String(load_default=None, validate=require_own_path)

    @ma.pre_load
    def close_up(self, entered: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Take the spaces out of a code: people copy it in groups."""
        return {**entered, "code": "".join(entered.get("code", "").split())}


@page("/", role=None)
def show_start() -> ResponseReturnValue:
    """Send people to what they came for."""
    return redirect(url_for("pages.show_overview"), 303)


@page("/sign-in", role=None, query=ReturnSchema)
def show_sign_in(asked: dict[str, Any]) -> str:
    """Ask who wants to sign in, and say why, where they were sent here."""
    return render(SIGN_IN, entered=request.args, why=asked["why"])


@page("/sign-in", method="POST", role=None, form=SignInFormSchema, again=SIGN_IN)
def ask_for_code(entered: dict[str, Any]) -> ResponseReturnValue:
    """Send a code; what follows is the same whether or not an agent has the address."""
    back = entered.pop("next")
    sign_in = begin_agent_sign_in(entered)
    where = {"authority": entered["authority"], "sign_in_id": sign_in.sign_in_id, "next": back}
    return redirect(url_for("pages.show_code_form", **where), 303)


@page("/sign-in/code", role=None, query=CodePageSchema)
def show_code_form(asked: dict[str, Any]) -> str:
    """Ask for the code."""
    return render(ENTER_CODE, entered=asked)


@page("/sign-in/code", method="POST", role=None, form=CodeFormSchema, again=ENTER_CODE)
def enter_code(entered: dict[str, Any]) -> ResponseReturnValue:
    """Open a session, kept by the browser, and go to the page that was asked for."""
    back = entered.pop("next")
    open_agent_session({**entered, "as_cookie": True})
    return redirect(back or url_for("pages.show_overview"), 303)

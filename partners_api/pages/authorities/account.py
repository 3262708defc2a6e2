"""Who one is here, where one is signed in, and the way out."""

from uuid import UUID

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from partners_api.authorities.sign_ins import close_agent_session, holder_of, revoke_agent_session
from partners_api.pages.page import page, render
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.sessions import list_sessions


@page("/account")
def show_account(caller: Principal) -> str:
    """Show name, role, and the sessions that are good."""
    sessions = list_sessions(
        connection(), keyring(), **holder_of(caller), current_id=caller.credential_id, now=now(), limit=100
    )
    return render("account.html", sessions=sessions)


@page("/account/sessions/<uuid:session_id>/end", method="POST")
def end_session(caller: Principal, session_id: UUID) -> ResponseReturnValue:
    """End a session, on whatever device it is."""
    revoke_agent_session(caller, session_id)
    return redirect(url_for("pages.show_account"), 303)


@page("/sign-out", method="POST")
def sign_out(caller: Principal) -> ResponseReturnValue:
    """End this session and forget the cookie."""
    close_agent_session(caller)
    return redirect(url_for("pages.show_sign_in", why="left"), 303)

"""What an operator can set, by argument or by ``SHARDWRIGHT_...`` in the environment."""

import os
import sys

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LEAST_SOLVE_BYTES = 4_000_000_000
"""Libraries and thread stacks map more than a gigabyte of addresses before the first question."""


def _cores() -> int:
    return max(1, os.cpu_count() or 1)


def _memory_share_bytes() -> int:
    """Half of this machine's memory for all solves together, but no less than one needs to start."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
    return max(LEAST_SOLVE_BYTES, whole // 2 // _cores())


class Settings(BaseSettings):
    """Settings of one server.

    Attributes
    ----------
    workers
        Solves that run at the same time, each in a process of its own; 0 = this process only serves, others
        (``shardwright worker``) solve.
    solve_command
        Program of a solve process.
    solve_memory_bytes
        Address space of one solve [bytes]; 0 = no limit. The default shares half of the memory.
    max_sweep_points
        Most combinations of one sweep.
    max_attempts
        Workers that may die over one job before it is given up.
    max_waiting_jobs
        Unfinished jobs beyond which a new one is refused (429).
    pricing_allowance_s
        Time beside ``options.time_limit_s`` after which a solve is killed and its job expires [s].
    check_time_limit_s
        Most solving time of one ``/v1/check`` [s].
    requirements_time_limit_s
        Most time of one ``/v1/requirements`` [s].
    allowed_hosts
        Host names requests may be addressed to; empty allows all. A browser tricked into resolving a
        foreign name to this machine is turned away.
    requires_keys
        Access control: every request needs an API key, or the session of somebody who logged in.
    session_lasts_s
        Time after which the page asks to log in again [s].
    oidc_issuer
        OpenID Connect provider that people may log in with, as the URL it calls itself; empty = none.
    oidc_client_id, oidc_client_secret
        What the provider knows this service by.
    oidc_redirect_url
        Where the provider sends people back to; empty = ``/login/oidc/callback`` at the host they came to.
    oidc_project_claim, oidc_default_project
        Claim of the ID token with the project of a person; the project without it, empty = no entry.
    oidc_scope_claim
        Claim with the scope of a person; ``write`` without it.
    """

    model_config = SettingsConfigDict(env_prefix="SHARDWRIGHT_", extra="ignore")

    database_url: str = "sqlite:///shardwright.db"
    max_body_bytes: int = Field(default=4_000_000, ge=1_000)
    workers: int = Field(default_factory=_cores, ge=0, le=256)
    solve_command: tuple[str, ...] = (sys.executable, "-m", "api.jobs.child")
    solve_memory_bytes: int = Field(default_factory=_memory_share_bytes, ge=0)
    max_sweep_points: int = Field(default=10_000, ge=1)
    max_waiting_jobs: int = Field(default=1_000, ge=1)
    max_attempts: int = Field(default=3, ge=1)
    pricing_allowance_s: float = Field(default=120.0, gt=0)
    check_time_limit_s: float = Field(default=10.0, gt=0)
    requirements_time_limit_s: float = Field(default=30.0, gt=0)
    max_predict_rows: int = Field(default=5_000, ge=1)
    allowed_hosts: tuple[str, ...] = ()
    requires_keys: bool = False
    session_lasts_s: float = Field(default=12 * 3600.0, gt=0)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_redirect_url: str = ""
    oidc_project_claim: str = "shardwright_project"
    oidc_default_project: str = ""
    oidc_scope_claim: str = "shardwright_scope"

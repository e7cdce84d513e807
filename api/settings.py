"""What an operator can set, by argument or by ``SHARDWRIGHT_...`` in the environment."""

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _cores() -> int:
    return max(1, os.cpu_count() or 1)


class Settings(BaseSettings):
    """Settings of one server.

    Attributes
    ----------
    workers
        Solves that run at the same time, each in a process of its own.
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
    """

    model_config = SettingsConfigDict(env_prefix="SHARDWRIGHT_", extra="ignore")

    database_url: str = "sqlite:///shardwright.db"
    max_body_bytes: int = Field(default=4_000_000, ge=1_000)
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    max_waiting_jobs: int = Field(default=1_000, ge=1)
    max_attempts: int = Field(default=3, ge=1)
    pricing_allowance_s: float = Field(default=120.0, gt=0)
    check_time_limit_s: float = Field(default=10.0, gt=0)
    requirements_time_limit_s: float = Field(default=30.0, gt=0)
    max_predict_rows: int = Field(default=5_000, ge=1)
    allowed_hosts: tuple[str, ...] = ()

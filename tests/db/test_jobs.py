"""Jobs: states only move forward, events are numbered without gaps."""

from datetime import timedelta

import pytest

from db import request_keys
from db.answers import AnswerRepository
from db.database import Database
from db.jobs import JobRepository
from db.request_keys import RequestKeyRepository
from models import codec
from tests.api.sample_answer import solved


def add(database: Database) -> str:
    with database.writing() as session:
        return JobRepository(session).add({"schema": "x"}, "name", {}).id


def test_a_job_is_claimed_once(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        job = JobRepository(session).claim(key)
        assert job is not None
        assert (job.state, job.attempts) == ("running", 1)
        assert JobRepository(session).claim(key) is None


def test_a_finished_job_stays_as_it_ended(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs = JobRepository(session)
        assert jobs.finish(key, "cancelled")
        assert not jobs.finish(key, "succeeded")
        jobs.progress(key, "solving", {"incumbent": 1.0})
        assert jobs.claim(key) is None
        job = jobs.get(key)
        assert job is not None
        assert (job.state, job.incumbent) == ("cancelled", None)


def test_cancelling_keeps_the_incumbent(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs = JobRepository(session)
        jobs.claim(key)
        jobs.progress(key, "solving", {"incumbent": 11.0, "bound": 12.0, "gap": 0.09})
        jobs.finish(key, "cancelled")
        job = jobs.get(key)
        assert job is not None
        assert (job.incumbent, job.bound, job.gap, job.phase) == (11.0, 12.0, 0.09, "solving")


def test_events_are_numbered_without_gaps(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs = JobRepository(session)
        jobs.claim(key)
        jobs.progress(key, "enumerating", {})
        jobs.progress(key, "solving", {"incumbent": 1.0})
        jobs.finish(key, "succeeded")
        events = jobs.events(key, 0)
        assert [e.number for e in events] == [1, 2, 3, 4, 5]
        assert [e.kind for e in events] == ["progress", "progress", "progress", "incumbent", "done"]
        assert [e.number for e in jobs.events(key, 3)] == [4, 5]


def test_interrupted_jobs_wait_again_until_they_died_too_often(database: Database) -> None:
    fresh, running, hopeless = add(database), add(database), add(database)
    with database.writing() as session:
        jobs = JobRepository(session)
        for _ in range(3):
            jobs.requeue_interrupted(max_attempts=9)
            jobs.claim(hopeless)
        jobs.claim(running)
    with database.writing() as session:
        jobs = JobRepository(session)
        assert jobs.requeue_interrupted(max_attempts=3) == [fresh, running]
        job = jobs.get(hopeless)
        assert job is not None
        assert job.state == "failed"
        assert job.error is not None


def test_answers_give_their_plans_one_by_one(database: Database) -> None:
    key, newer = add(database), add(database)
    with database.writing() as session:
        AnswerRepository(session).add(key, codec.to_json(solved()))
        AnswerRepository(session).add(newer, codec.to_json(solved()))
    with database.reading() as session:
        answers = AnswerRepository(session)
        plan = answers.plan("plan-1-16")
        assert plan is not None
        assert (plan.job_id, plan.rank, plan.objective_value) == (newer, 1, 12.31)
        assert answers.plan("nothing") is None
        first = answers.page(3, None)
        rest = answers.page(3, first.next)
        assert [(p.job_id, p.rank) for p in (*first.items, *rest.items)] == [
            (newer, 1),
            (newer, 2),
            (key, 1),
            (key, 2),
        ]
        assert rest.next is None


def test_request_keys_are_forgotten_after_a_day(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    key = add(database)
    with database.writing() as session:
        RequestKeyRepository(session).add("k", "h", key)
        assert RequestKeyRepository(session).get("k") is not None
    later = request_keys.now() + timedelta(hours=25)
    monkeypatch.setattr(request_keys, "now", lambda: later)
    with database.writing() as session:
        assert RequestKeyRepository(session).get("k") is None
        RequestKeyRepository(session).add("k2", "h", key)

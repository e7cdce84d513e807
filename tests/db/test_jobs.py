"""Jobs: states only move forward, events are numbered without gaps."""

from datetime import timedelta

import pytest

from db import request_keys
from db.answers import AnswerRepository
from db.database import Database
from db.job_intake import HIGH
from db.job_work import JobWork
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
        job = JobWork(session).claim(key, "w")
        assert job is not None
        assert (job.state, job.attempts) == ("running", 1)
        assert JobWork(session).claim(key, "v") is None


def test_a_finished_job_stays_as_it_ended(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        claimed = work.claim(key, "w")
        assert claimed is not None
        assert jobs.cancel(key)
        assert not jobs.cancel(key)
        assert not work.finish(claimed, "succeeded")
        assert not work.progress(claimed, "solving", {"incumbent": 1.0})
        assert work.claim(key, "w") is None
        job = jobs.get(key)
        assert job is not None
        assert (job.state, job.incumbent) == ("cancelled", None)


def test_cancelling_keeps_the_incumbent(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        claimed = work.claim(key, "w")
        assert claimed is not None
        work.progress(claimed, "solving", {"incumbent": 11.0, "bound": 12.0, "gap": 0.09})
        jobs.cancel(key)
        job = jobs.get(key)
        assert job is not None
        assert (job.incumbent, job.bound, job.gap, job.phase) == (11.0, 12.0, 0.09, "solving")


def test_events_are_numbered_without_gaps(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        claimed = work.claim(key, "w")
        assert claimed is not None
        work.progress(claimed, "enumerating", {})
        work.progress(claimed, "solving", {"incumbent": 1.0})
        work.finish(claimed, "succeeded")
        events = jobs.events(key, 0)
        assert [e.number for e in events] == [1, 2, 3, 4, 5]
        assert [e.kind for e in events] == ["progress", "progress", "progress", "incumbent", "done"]
        assert [e.number for e in jobs.events(key, 3)] == [4, 5]


def test_interrupted_jobs_wait_again_until_they_killed_too_many(database: Database) -> None:
    fresh, running, elsewhere, hopeless = (add(database) for _ in range(4))
    with database.writing() as session:
        work = JobWork(session)
        work.claim(running, "dead")
        work.claim(elsewhere, "living")
        for _ in range(2):
            work.claim(hopeless, "dead")
            work.interrupt(("living",), max_interruptions=3)
            work.claim(running, "dead") if work.dispatched() else None
        work.claim(hopeless, "dead")
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        work.interrupt(("living",), max_interruptions=3)
        assert set(work.unfinished()) == {fresh, running, elsewhere}
        left = {key: jobs.get(key) for key in (fresh, running, elsewhere, hopeless)}
        states = {key: job.state for key, job in left.items() if job is not None}
        assert states == {fresh: "queued", running: "queued", elsewhere: "running", hopeless: "failed"}


def test_whoever_was_taken_for_dead_writes_nothing(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        first = work.claim(key, "slow")
        assert first is not None
        assert work.interrupt((), max_interruptions=3) == [key]
        second = work.claim(key, "quick")
        assert second is not None
        assert work.no_longer({key: first.attempts}) == {key}
        assert not work.progress(first, "solving", {"incumbent": 9.0})
        assert not work.finish(first, "failed")
        assert not work.give_back(first)
        assert work.finish(second, "succeeded", incumbent=2.0)
        job = jobs.get(key)
        assert job is not None
        assert (job.state, job.incumbent) == ("succeeded", 2.0)
        assert [event.kind for event in jobs.events(key, 0)].count("done") == 1


def test_jobs_are_handed_over_by_priority_and_not_too_many_at_once(database: Database) -> None:
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        normal = [jobs.add({}, "n", {}).id for _ in range(5)]
        high = jobs.add({}, "h", {}, priority=HIGH).id
        found = work.to_dispatch(3)
        assert [key for key, _, _ in found] == [high, *normal[:3]]
        work.mark_dispatched(found)
        assert work.to_dispatch(3) == []
        assert work.claim(normal[0], "w") is not None
        assert [key for key, _, _ in work.to_dispatch(3)] == [normal[3]]
        assert work.dispatch_again(high, 0)
        assert not work.dispatch_again(high, 0)
        assert [each[:2] for each in work.to_dispatch(3)] == [(high, 1), (normal[3], 0)]


def test_projects_do_not_see_each_other(database: Database) -> None:
    with database.writing() as session:
        ours, theirs = JobRepository(session, "ours"), JobRepository(session, "theirs")
        key = ours.add({}, "n", {}).id
        claimed = JobWork(session).claim(key, "w")
        assert claimed is not None
        JobWork(session).finish(claimed, "succeeded")
        AnswerRepository(session, "ours").add(key, codec.to_json(solved()))
        plan_id = solved().plans[0].id
        assert theirs.get(key) is None
        assert theirs.page(10, None).items == ()
        assert theirs.events(key, 0) == []
        assert not theirs.cancel(key)
        stranger, owner = AnswerRepository(session, "theirs"), AnswerRepository(session, "ours")
        assert (stranger.text(key), stranger.plan(plan_id), stranger.page(10, None).items) == (None, None, ())
        assert owner.text(key) is not None
        assert owner.plan(plan_id) is not None


def test_a_question_that_has_an_answer_is_answered_from_it(database: Database) -> None:
    with database.writing() as session:
        jobs, work = JobRepository(session), JobWork(session)
        first, waiting = (jobs.add({}, "n", {}, question_sha256="q") for _ in range(2))
        claimed = work.claim(first.id, "w")
        assert claimed is not None
        assert not work.answer_from_before(claimed)
        work.finish(claimed, "succeeded", incumbent=1.0)
        AnswerRepository(session).add(first.id, codec.to_json(solved()))
        again = jobs.add({}, "n", {}, question_sha256="q")
        assert (again.state, again.answered_by, again.status) == ("succeeded", first.id, "optimal")
        later = work.claim(waiting.id, "w")
        assert later is not None
        assert work.answer_from_before(later)
        assert AnswerRepository(session).text(waiting.id) == AnswerRepository(session).text(first.id)
        assert JobRepository(session, "theirs").add({}, "n", {}, question_sha256="q").state == "queued"


def test_answers_give_their_plans_one_by_one(database: Database) -> None:
    key, newer = add(database), add(database)
    with database.writing() as session:
        AnswerRepository(session).add(key, codec.to_json(solved()))
        AnswerRepository(session).add(newer, codec.to_json(solved()))
    with database.reading() as session:
        answers = AnswerRepository(session)
        plan = answers.plan("plan-1-16")
        assert plan is not None
        assert (plan.job_id, plan.rank, plan.objective_value) == (key, 1, 12.31)
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

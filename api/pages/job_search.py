"""Jobs by state and by a part of their name, newest first, as far back as one page may look."""

from db.jobs import JobRepository
from db.records import Job, Page

AT_ONCE = 200
MOST_LOOKED_AT = 2_000
"""Jobs one page looks through; the next page goes on where this one stopped."""


def search_jobs(
    jobs: JobRepository, limit: int, after: str | None, state: str | None, name: str = ""
) -> Page:
    """Up to ``limit`` jobs whose name holds ``name``; ``next`` may lead on though nothing was found yet."""
    wanted = name.strip().casefold()
    if not wanted:
        return jobs.page(limit, after, state)
    found: list[Job] = []
    for _ in range(MOST_LOOKED_AT // AT_ONCE):
        seen = jobs.page(AT_ONCE, after, state)
        for job in seen.items:
            if wanted in job.scenario_name.casefold():
                if len(found) == limit:
                    return Page(items=tuple(found), next=found[-1].id)
                found.append(job)
        after = seen.next
        if after is None:
            break
    return Page(items=tuple(found), next=after)

"""Documents: revisions are immutable, a change needs the revision it was made from."""

import threading

from db.database import Database
from db.documents import DocumentRepository


def add(database: Database, name: str = "two nodes", kind: str = "clusters") -> str:
    with database.writing() as session:
        return DocumentRepository(session).add(kind, name, {"pools": [name]}, {}).id


def test_a_revision_is_added_not_replaced(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        second = DocumentRepository(session).revise("clusters", key, "n", {"pools": []}, refs={}, expected=1)
    with database.reading() as session:
        documents = DocumentRepository(session)
        assert second is not None
        assert second.revision == 2
        assert documents.get("clusters", key) == second
        first = documents.get("clusters", key, 1)
        assert first is not None
        assert (first.body, first.name) == ({"pools": ["two nodes"]}, "two nodes")
        assert [d.revision for d in documents.revisions("clusters", key)] == [2, 1]
        assert first.sha256 != second.sha256


def test_a_revision_of_an_older_state_is_refused(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        assert DocumentRepository(session).revise("clusters", key, "n", {}, refs={}, expected=2) is None


def test_a_document_is_found_only_under_its_kind(database: Database) -> None:
    key = add(database)
    with database.reading() as session:
        assert DocumentRepository(session).get("models", key) is None
        assert DocumentRepository(session).get("clusters", key, 7) is None


def test_a_deleted_document_is_gone_from_lists(database: Database) -> None:
    key = add(database)
    with database.writing() as session:
        assert DocumentRepository(session).delete("clusters", key)
    with database.writing() as session:
        documents = DocumentRepository(session)
        assert not documents.delete("clusters", key)
        assert documents.get("clusters", key) is None
        assert documents.revisions("clusters", key) == []
        assert documents.page("clusters", 10, None).items == ()


def test_pages_cover_everything_once(database: Database) -> None:
    keys = [add(database, f"c{i}") for i in range(7)]
    add(database, "other", "models")
    seen: list[str] = []
    after = None
    while True:
        with database.reading() as session:
            page = DocumentRepository(session).page("clusters", 3, after)
        seen += [d.id for d in page.items]
        after = page.next
        if after is None:
            break
    assert seen == sorted(keys, reverse=True)


def test_of_many_writers_on_one_revision_exactly_one_wins(database: Database) -> None:
    key = add(database)
    won: list[int] = []

    def revise(i: int) -> None:
        with database.writing() as session:
            if DocumentRepository(session).revise("clusters", key, f"n{i}", {"i": i}, refs={}, expected=1):
                won.append(i)

    threads = [threading.Thread(target=revise, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert len(won) == 1
        assert [d.body for d in DocumentRepository(session).revisions("clusters", key)][0] == {"i": won[0]}

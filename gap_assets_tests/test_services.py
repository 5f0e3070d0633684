import pytest


@pytest.mark.service
def test_postgres_keeps_what_was_committed_over_a_crash(postgres):
    database = postgres.new_database()
    postgres.execute("CREATE TABLE t AS SELECT 1 AS x", database=database)
    postgres.stop("immediate")
    postgres.start()
    assert postgres.execute("SELECT x FROM t", database=database) == "1"

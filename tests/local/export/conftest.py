"""A database with views of all types of columns."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from local.servers import postgres
from local.servers.postgres import Server
from tests.local.databases import migrated

SHAPES = """
create table shapes (
    small smallint, middle int, large bigint, amount numeric(19, 4), ratio numeric, share float8, flag boolean,
    day date, at timestamptz, local_at timestamp, label text, list int[], document jsonb, duration interval,
    currency char(3)
);
insert into shapes values
    (1, 2, 3, 12.5, 1 / 3::numeric, 0.1, true, '2026-03-01', '2026-03-01 10:20:00.123456+02', '2026-03-01 10:20:00',
     E'a\\n"b", ✓', array[1, 2], '{"a": [1]}', '1 day 2 hours', 'EUR'),
    (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (-1, -2, -3, -0.0001, 12345678901234.5, -1e300, false, '0099-01-01', '2026-12-31 23:59:59Z',
     '2026-12-31 23:59:59.9', '', '{}', 'null', '-1 hour', 'USD');
create view formulas as
select * from (values ('=1+1', -1.5), ('+49 30', 2), ('-x', 3), ('@a', 4), (E'\\tx', 5), ('a=b', 6), ('', 7), (null, 8))
    rows (label, amount);
create view nothing as select id, label, id::numeric as amount from (values (1, 'x')) rows (id, label) where false;
create view one_column as select nullif(n, 2) as n from generate_series(1, 3) n;
create view many as
select n, n::text || repeat('x', 90) as label, n / 7.0 as ratio from generate_series(1, 400000) n;
create view broken as select 1 / (n - 200000) as n from generate_series(1, 400000) n;
create view infinite as select 'infinity'::timestamptz as at;
create view no_number as select 'NaN'::numeric as amount;
create view endless as select n, pg_sleep(0.001)::text as pause from generate_series(1, 10000000) n;
create view secret as select 1 as n;
grant select on shapes, formulas, nothing, one_column, many, broken, infinite, no_number, endless to pipeline_analyst
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, migrated(server, patch) as connection:
        connection.execute(SHAPES)
        # The settings of a login must not change a file.
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set timezone = 'America/New_York'").format(name))
        connection.execute(sql.SQL("alter database {} set datestyle = 'German'").format(name))
        connection.execute(sql.SQL("alter database {} set extra_float_digits = 0").format(name))
        yield server.url(connection.info.dbname)


@pytest.fixture(autouse=True)
def database_url(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)

"""`python -m benchmarks.duckdb_limit FOLDER`: credits all checkouts of the event files with DuckDB.

Its time is the machine's limit, and its credits are the truth that other runs are compared with. Runs in the
benchmarks' own Python environment. Prints a line of JSON: `seconds`, the numbers of `checkouts` and of `credited`
checkouts, and a `digest` of all credits.
"""

import json
import sys
import time

import duckdb

CREDITS = """
create table credits as
select k.checkout_id, arg_min(c.click_id, (c.at, c.click_id)) as click_id
  from (select checkout_id, user_id, checkout_timestamp::timestamptz as at from read_json($checkouts,
               columns = {checkout_id: 'varchar', user_id: 'varchar', checkout_timestamp: 'varchar'})) k
  left join (select click_id, user_id, click_timestamp::timestamptz as at from read_json($clicks,
               columns = {click_id: 'varchar', user_id: 'varchar', click_timestamp: 'varchar'})) c
    on c.user_id = k.user_id and c.at between k.at - interval '1 hour' and k.at
 group by k.checkout_id
"""
DIGEST = """
select count(*), count(click_id),
       md5(string_agg(checkout_id || ':' || coalesce(click_id, ''), ',' order by checkout_id))
  from credits
"""


def main() -> None:
    folder = sys.argv[1]
    connection = duckdb.connect(config={"threads": 2})
    began = time.monotonic()
    connection.execute(CREDITS, {kind: f"{folder}/{kind}/*.jsonl" for kind in ("clicks", "checkouts")})
    seconds = time.monotonic() - began
    checkouts, credited, digest = connection.execute(DIGEST).fetchall()[0]
    print(json.dumps({"seconds": seconds, "checkouts": checkouts, "credited": credited, "digest": digest}))


if __name__ == "__main__":
    main()

"""SQL statements that evaluate the rules of data quality, in execution order."""

# A rule that takes longer has failed.
LIMIT_RULES = "set local statement_timeout = '30s'"

FORGET_OLD = "delete from quality_results where hour < %(now)s::timestamptz - interval '90 days'"

# The current hour and the three before can still change. Hours without a result are caught up for a day.
READ_RULES = """
select r.name,
       least(h.hour - interval '3 hours',
             greatest(h.hour - interval '23 hours', (select max(q.hour) from quality_results q where q.rule = r.name)))
  from quality_rules r
 cross join (select date_trunc('hour', %(now)s::timestamptz, 'UTC') as hour) h
 where r.is_enabled
 order by r.name
"""

EVALUATE = """
insert into quality_results as q (rule, hour, bad, total, detail)
select %(rule)s, hour, bad, total, detail from evaluate_quality(%(rule)s, %(since)s, %(now)s)
    on conflict (rule, hour) do update
   set bad = excluded.bad, total = excluded.total, detail = excluded.detail, failure = null
 where (q.bad, q.total, q.detail, q.failure) is distinct from (excluded.bad, excluded.total, excluded.detail, null)
"""

RECORD_FAILURE = """
insert into quality_results as q (rule, hour, bad, total, failure)
select %(rule)s, hour, 0, 0, %(failure)s
  from generate_series(%(since)s::timestamptz, %(now)s::timestamptz, interval '1 hour') hour
    on conflict (rule, hour) do update
   set bad = 0, total = 0, detail = null, failure = excluded.failure
 where q.failure is distinct from excluded.failure
"""

# The hour before is complete, and the current one is judged as soon as it has enough events.
READ_BREACHES = """
select rule, severity, state, hour::text, bad, total, breached_since::text, failure
  from data_quality
 where hour >= date_trunc('hour', %(now)s::timestamptz, 'UTC') - interval '1 hour' and state in ('breached', 'failed')
 order by rule, data_quality.hour
"""

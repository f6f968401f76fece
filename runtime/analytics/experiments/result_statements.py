"""SQL statements that read the sums of the experiments and write their results."""

# Experiments that nobody registered, and variants of each experiment that nobody registered: those with most users.
# Clicks can name any number of them.
MAX_UNREGISTERED = 50

READ_EXPERIMENTS = """
select experiment_id, variant, is_control, expected_share, started_at, ended_at, metric, alpha::float8 as alpha,
       lift::float8 as lift, tolerated_fall::float8 as tolerated_fall
  from experiments
 order by experiment_id, is_control desc, variant
"""

# Reads the sums of all registered variants, and of the unregistered ones with the most users.
READ_SUMS = """
with ranked as (
    select s.*,
           exists (select from experiments e where e.experiment_id = s.experiment_id) as is_known,
           exists (select from experiments e where e.experiment_id = s.experiment_id and e.variant = s.variant)
               as is_variant_known,
           sum(s.users) over (partition by s.experiment_id) as all_users
      from experiment_sums s
),
placed as (
    select r.*,
           dense_rank() over (partition by is_known order by all_users desc, experiment_id) as place,
           row_number() over (partition by experiment_id, is_variant_known, variant = '' order by users desc, variant)
               as variant_place
      from ranked r
)
select experiment_id, variant, users, conversions, without_revenue, without_revenue_before, revenue, squared_revenue,
       revenue_before, squared_before, revenue_product
  from placed
 where (is_known or place <= %(limit)s) and (is_variant_known or variant_place <= %(limit)s)
 order by experiment_id, variant
"""

# Rows that stay the same are not written.
DELETE_OTHER_STATISTICS = """
delete from experiment_statistics s
 where not exists (
       select from jsonb_populate_recordset(null::experiment_statistics, %(rows)s::jsonb) n
        where n.experiment_id = s.experiment_id and n.variant = s.variant and n.metric = s.metric
          and n is not distinct from s
       )
"""
INSERT_STATISTICS = """
insert into experiment_statistics
select * from jsonb_populate_recordset(null::experiment_statistics, %(rows)s::jsonb)
    on conflict do nothing
"""

-- Rules of data quality, their results by hour, and the view that shows them.

create table quality_rules (
    name        text collate "C" primary key check (name ~ '^[a-z][a-z_]{0,62}$'),
    dimension   text not null
                check (dimension in ('completeness', 'validity', 'uniqueness', 'timeliness', 'consistency')),
    severity    text not null check (severity in ('critical', 'warning')),
    counts      text not null,
    unit        text not null,
    query       text not null,
    threshold   numeric not null check (threshold >= 0),
    min_events  bigint not null check (min_events > 0),
    remedy      text not null,
    is_enabled  boolean not null default true
);

create table quality_results (
    rule     text collate "C" not null references quality_rules on delete cascade,
    hour     timestamptz not null check (hour = date_trunc('hour', hour, 'UTC')),
    bad      bigint not null,
    total    bigint not null,
    detail   text,
    failure  text,
    primary key (rule, hour)
);
create index quality_results_by_hour on quality_results (hour);

-- Rules name the reasons of refusals, and must not see the refused data.
create view refusal_reasons as
select ingested_at, reason from dead_letters;

-- A function that is `stable` cannot write, so neither can the SQL of a rule.
create function evaluate_quality(rule text, since timestamptz, until timestamptz)
returns table (hour timestamptz, bad bigint, total bigint, detail text)
language plpgsql stable
set search_path from current
set jit = off
as $$
declare
    query text := (select r.query from quality_rules r where r.name = evaluate_quality.rule);
begin
    for hour in select generate_series(date_trunc('hour', since, 'UTC'), until, '1 hour') loop
        exit when hour >= until;
        execute query into bad, total, detail using hour, least(hour + interval '1 hour', until);
        bad := coalesce(bad, 0);
        total := coalesce(total, 0);
        return next;
    end loop;
end
$$;
revoke execute on function evaluate_quality(text, timestamptz, timestamptz) from public;

create view data_quality as
with judged as (
    select r.name as rule, r.dimension, r.severity, q.hour, r.counts, q.bad, q.total, r.unit,
           round(q.bad::numeric / nullif(q.total, 0), 4) as bad_share, r.threshold,
           case when q.failure is not null then 'failed'
                when q.total < r.min_events then 'too few'
                when q.bad > r.threshold * q.total then 'breached'
                else 'sound'
           end as state,
           q.detail, q.failure, r.remedy
      from quality_results q
      join quality_rules r on r.name = q.rule
     where r.is_enabled
),
counted as (
    select *, count(*) filter (where state <> 'breached') over (partition by rule order by hour) as sound_hours
      from judged
)
select c.rule, c.dimension, c.severity, c.hour, c.state, c.state = 'breached' as is_breach,
       c.bad_share, c.threshold, before.bad_share as day_before, c.bad, c.total, c.unit, c.counts,
       case when c.state = 'breached'
            then min(c.hour) filter (where c.state = 'breached') over (partition by c.rule, c.sound_hours)
       end as breached_since,
       c.detail, c.failure, c.remedy
  from counted c
  left join judged before on before.rule = c.rule and before.hour = c.hour - interval '24 hours';

insert into quality_rules (name, dimension, severity, counts, unit, threshold, min_events, remedy, query) values
('clicks_without_session', 'completeness', 'warning', 'clicks without session_id', 'clicks', 0.05, 200,
 'Ask the shop for the session_id: sessions and funnels are incomplete. No stored click can be completed later.',
 $$select count(*) filter (where session_id is null), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('clicks_without_page', 'completeness', 'warning', 'clicks without page_url', 'clicks', 0.05, 200,
 'Ask the shop for the page_url. Without it, no label can be read from the address of the page.',
 $$select count(*) filter (where page_url is null), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('clicks_without_device', 'completeness', 'warning', 'clicks without device_type', 'clicks', 0.05, 200,
 'Ask the shop for the device_type. Figures by device leave these clicks out.',
 $$select count(*) filter (where device_type is null), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('clicks_without_source', 'completeness', 'critical',
 'clicks of people without utm_source, which is also read from the page and the referrer', 'clicks', 0.6, 200,
 'Compare with the day before. A jump means that labels are lost on the way, as by a redirect or a consent banner: '
 'until that is repaired, do not trust the channels.',
 $$select count(*) filter (where utm_source is null), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2 and not is_bot$$),
('clicks_missing', 'completeness', 'critical',
 'clicks fewer than at the same time one day or seven days before, whichever is lower', 'clicks', 0.5, 200,
 'See whether the shop sends: the stream''s IncomingRecords. Then whether the job reads: its consumer lag. If the shop '
 'sold less for a reason, such as a holiday, there is nothing to repair.',
 $$select greatest(0, expected - observed), expected
     from (select count(*) filter (where click_timestamp >= $1) as observed,
                  least(nullif(count(*) filter (where click_timestamp >= $1 - interval '1 day'
                                                  and click_timestamp < $2 - interval '1 day'), 0),
                        nullif(count(*) filter (where click_timestamp < $2 - interval '7 days'), 0)) as expected
             from raw_clicks
            where (click_timestamp >= $1 and click_timestamp < $2)
               or (click_timestamp >= $1 - interval '1 day' and click_timestamp < $2 - interval '1 day')
               or (click_timestamp >= $1 - interval '7 days' and click_timestamp < $2 - interval '7 days')) clicks$$),
('checkouts_missing', 'completeness', 'critical',
 'checkouts fewer than at the same time one day or seven days before, whichever is lower', 'checkouts', 0.5, 50,
 'See whether people can pay, then whether the shop sends: the stream''s IncomingRecords, and the rule refused_events.',
 $$select greatest(0, expected - observed), expected
     from (select count(*) filter (where checkout_timestamp >= $1) as observed,
                  least(nullif(count(*) filter (where checkout_timestamp >= $1 - interval '1 day'
                                                  and checkout_timestamp < $2 - interval '1 day'), 0),
                        nullif(count(*) filter (where checkout_timestamp < $2 - interval '7 days'), 0)) as expected
             from raw_checkouts
            where (checkout_timestamp >= $1 and checkout_timestamp < $2)
               or (checkout_timestamp >= $1 - interval '1 day' and checkout_timestamp < $2 - interval '1 day')
               or (checkout_timestamp >= $1 - interval '7 days' and checkout_timestamp < $2 - interval '7 days')
          ) checkouts$$),
('checkouts_without_items', 'completeness', 'warning', 'checkouts without items', 'checkouts', 0.05, 20,
 'Ask the shop for the items. Without them w_shaped is position_based, and no total can be compared with its items.',
 $$select count(*) filter (where items is null or items = '[]'), count(*)
     from raw_checkouts where checkout_timestamp >= $1 and checkout_timestamp < $2$$),
('refused_events', 'validity', 'critical', 'events that were refused (dead letters), by the hour of the batch',
 'events', 0.02, 100,
 'The detail has the most frequent reason; event_accounts has all. Repair the sender, and send the events again.',
 $$select b.refused, b.total,
          (select reason from refusal_reasons where ingested_at >= $1 and ingested_at < $2
            group by reason order by count(*) desc, reason limit 1)
     from (select sum(dead_letters) as refused, sum(clicks + checkouts + refunds + dead_letters) as total
             from batches where began_at >= $1 and began_at < $2) b$$),
('unknown_fields', 'validity', 'warning', 'fields that the contract does not have, by the hour of the batch', 'events',
 0.05, 100,
 'The shop sends a field that is not stored. See whether a known field was renamed; if the field is new and needed, '
 'add it to the contract.',
 $$select sum(unknown_fields), sum(clicks + checkouts + refunds)
     from batches where began_at >= $1 and began_at < $2$$),
('robot_clicks', 'validity', 'warning', 'clicks of robots', 'clicks', 0.3, 200,
 'Robots get no credit. See in raw_clicks which pages they visit, and limit them at the shop.',
 $$select count(*) filter (where is_bot), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('free_checkouts', 'validity', 'critical', 'checkouts of amount 0, without test orders', 'checkouts', 0.1, 20,
 'See whether the orders were free. If not, have the shop send them again with their amounts and a higher revision.',
 $$select count(*) filter (where total_amount = 0), count(*)
     from raw_checkouts where checkout_timestamp >= $1 and checkout_timestamp < $2 and not test$$),
('repaired_events', 'validity', 'warning', 'events that needed a repair, by the hour of the batch', 'events', 0.4, 100,
 'Nothing is lost. event_accounts has the repairs by name: have the sender write the plain form, which is read faster.',
 $$select sum(repaired), sum(clicks + checkouts + refunds)
     from batches where began_at >= $1 and began_at < $2$$),
('repeated_events', 'uniqueness', 'warning', 'copies of stored events, by the hour of the batch', 'events', 0.1, 100,
 'Nothing counts twice. After a restart of the job, copies are normal. Otherwise the shop sends its events several '
 'times: see its retries.',
 $$select greatest(0, sum(duplicates - conflicts - revisions)), sum(clicks + checkouts + refunds + duplicates)
     from batches where began_at >= $1 and began_at < $2$$),
('conflicting_events', 'uniqueness', 'critical',
 'events under a stored id with other content, by the hour of the batch', 'events', 0.02, 100,
 'The first event stands; the table conflicts has the others. The shop reuses ids, or changes orders without a '
 'revision.',
 $$select sum(conflicts), sum(clicks + checkouts + refunds + conflicts)
     from batches where began_at >= $1 and began_at < $2$$),
('late_events', 'timeliness', 'warning', 'events behind the watermark on their arrival, by the hour of the batch',
 'events', 0.1, 100,
 'Late events are stored and credited. Have the shop send at once, and do not trust the newest hours until it does.',
 $$select sum(late), sum(clicks + checkouts + refunds)
     from batches where began_at >= $1 and began_at < $2$$),
('slow_processing', 'timeliness', 'critical', 'clicks stored over 5 minutes after their arrival', 'clicks', 0.1, 200,
 'The job is behind: see its consumer lag and the runbook for it. The credits are complete once it has caught up.',
 $$select count(*) filter (where ingested_at > arrived_at + interval '5 minutes'), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('clock_corrections', 'timeliness', 'warning', 'clicks whose sender''s clock was over 5 minutes ahead', 'clicks',
 0.05, 200,
 'The time of arrival stands for the stated one. Have the sender set its clock, or state sent_at.',
 $$select count(*) filter (where stated_timestamp is not null), count(*)
     from raw_clicks where click_timestamp >= $1 and click_timestamp < $2$$),
('orphan_refunds', 'consistency', 'warning', 'refunds of checkouts that are not stored', 'refunds', 0.2, 5,
 'They reduce no revenue. See whether the checkouts were refused, are older than the data, or have another id.',
 $$select count(*) filter (where not exists (select from raw_checkouts k where k.checkout_id = r.checkout_id)), count(*)
     from raw_refunds r where refund_timestamp >= $1 and refund_timestamp < $2$$),
('totals_unlike_items', 'consistency', 'critical',
 'checkouts whose total is under half or over double the sum of their items, without free ones', 'checkouts', 0.05, 20,
 'See whether total and prices are in one unit and one currency. Until then, do not trust the revenue.',
 $$select count(*) filter (where total_amount < price / 2 or total_amount > price * 2), count(*)
     from raw_checkouts k
    cross join lateral (
          select sum(quantity::numeric * unit_price::numeric) as price
            from jsonb_to_recordset(case jsonb_typeof(k.items) when 'array' then k.items end)
                 as item (quantity text, unit_price text)
          having bool_and(quantity is not null and unit_price is not null)
          ) items
    where checkout_timestamp >= $1 and checkout_timestamp < $2 and total_amount > 0 and price > 0$$);

grant select on quality_rules, refusal_reasons, batches, data_quality to pipeline_analytics;
grant select, insert, update, delete on quality_results to pipeline_analytics;
grant execute on function evaluate_quality(text, timestamptz, timestamptz) to pipeline_analytics;
grant select on quality_rules, data_quality to pipeline_analyst;

comment on table quality_rules is
    'Rules of data quality. Only the owner of the tables changes them; the next refresh applies a change.';
comment on column quality_rules.name is 'Name of the rule.';
comment on column quality_rules.dimension is 'completeness, validity, uniqueness, timeliness or consistency.';
comment on column quality_rules.severity is 'critical: figures are wrong. warning: they may become wrong.';
comment on column quality_rules.counts is 'What the rule counts.';
comment on column quality_rules.unit is 'What it is a share of.';
comment on column quality_rules.query is
    'A query of an hour, from $1 to before $2, that cannot write. It returns one row: the number that breaks the rule, '
    'the total, and optionally a text, without data of people. The current hour ends now.';
comment on column quality_rules.threshold is 'Highest accepted share.';
comment on column quality_rules.min_events is 'Hours with a lower total are not judged.';
comment on column quality_rules.remedy is 'What to do after a breach.';
comment on column quality_rules.is_enabled is 'False: the rule is neither evaluated nor shown.';

comment on table quality_results is 'Results of the rules by hour, for 90 days. The last hours are evaluated again.';
comment on column quality_results.rule is 'Name of the rule.';
comment on column quality_results.hour is 'Start of the hour.';
comment on column quality_results.bad is 'Number that breaks the rule.';
comment on column quality_results.total is 'Number that was looked at.';
comment on column quality_results.detail is 'What the rule says beside the numbers.';
comment on column quality_results.failure is 'Why the rule has no result; null when it has one.';
comment on view refusal_reasons is 'Why events were refused, without their data.';
comment on column refusal_reasons.ingested_at is 'Start of the batch that refused the event.';
comment on column refusal_reasons.reason is 'Why the event was refused.';
comment on function evaluate_quality(text, timestamptz, timestamptz) is
    'Evaluates a rule for each hour from `since` to `until`; the last hour ends at `until`.';

comment on view data_quality is
    'Results of the rules of data quality as of the last refresh, a row for each rule and hour of the last 90 days. '
    'Hours are those of the events, or of their batches where `counts` says so.';
comment on column data_quality.rule is 'Name of the rule.';
comment on column data_quality.dimension is 'completeness, validity, uniqueness, timeliness or consistency.';
comment on column data_quality.severity is 'critical: figures are wrong. warning: they may become wrong.';
comment on column data_quality.hour is 'Start of the hour. Late events change the current hour and the three before.';
comment on column data_quality.state is
    'sound; breached: bad_share is above the threshold; too few: less than the rule judges; or failed: see `failure`.';
comment on column data_quality.is_breach is 'The state is breached.';
comment on column data_quality.bad_share is 'bad divided by total; null when there is nothing to look at.';
comment on column data_quality.threshold is 'Highest accepted bad_share, as the rule is now.';
comment on column data_quality.day_before is 'bad_share 24 hours before; null when it was not evaluated.';
comment on column data_quality.bad is 'Number that breaks the rule.';
comment on column data_quality.total is 'Number that was looked at.';
comment on column data_quality.unit is 'What total counts.';
comment on column data_quality.counts is 'What bad counts.';
comment on column data_quality.breached_since is
    'First hour of the breach: all evaluated hours from then on are breached. Null when the hour is not.';
comment on column data_quality.detail is 'More about the result: the most frequent reason of refusals.';
comment on column data_quality.failure is 'Why the rule has no result; null when it has one.';
comment on column data_quality.remedy is 'What to do after a breach.';

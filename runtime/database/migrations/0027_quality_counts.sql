-- Sums by minute for the rules of data quality, which read hours of events at each refresh until now.

create table click_counts (
    minute           timestamptz primary key,
    clicks           bigint not null,
    robots           bigint not null,
    without_session  bigint not null,
    without_page     bigint not null,
    without_device   bigint not null,
    without_source   bigint not null,
    slow             bigint not null,
    corrected        bigint not null
);

create table checkout_counts (
    minute         timestamptz primary key,
    checkouts      bigint not null,
    without_items  bigint not null,
    paid           bigint not null,
    free           bigint not null,
    comparable     bigint not null,
    unlike_items   bigint not null
);

create table quality_state (
    is_only_row  boolean primary key default true check (is_only_row),
    counted      pg_snapshot
);
insert into quality_state default values;

-- A rule that its owner has changed stays as it is.
with changed (name, former, query) as (values
    ('clicks_without_session', '6face7be3a9907cb809e9771daf9d485',
     $$select sum(without_session), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('clicks_without_page', '32e4ae19962ac078233d84a107e1846e',
     $$select sum(without_page), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('clicks_without_device', '8905b3330810cd3c8e0de22f2e57898e',
     $$select sum(without_device), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('clicks_without_source', 'bbf4603dc6efa4ebd0a33ab78c5bdac2',
     $$select sum(without_source), sum(clicks - robots) from click_counts where minute >= $1 and minute < $2$$),
    ('clicks_missing', '49660d95e8ff124d15181afe74cae092',
     $$select greatest(0, expected - observed), expected
     from (select coalesce(sum(clicks) filter (where minute >= $1), 0) as observed,
                  least(nullif(sum(clicks) filter (where minute >= $1 - interval '1 day'
                                                     and minute < $2 - interval '1 day'), 0),
                        nullif(sum(clicks) filter (where minute < $2 - interval '7 days'), 0)) as expected
             from click_counts
            -- The current minute is not over.
            cross join (select date_trunc('minute', $2) as until) u
            where (minute >= $1 and minute < until)
               or (minute >= $1 - interval '1 day' and minute < until - interval '1 day')
               or (minute >= $1 - interval '7 days' and minute < until - interval '7 days')) clicks$$),
    ('checkouts_missing', 'aaa7cdf9fca4771de6735469dd3e3ec6',
     $$select greatest(0, expected - observed), expected
     from (select coalesce(sum(checkouts) filter (where minute >= $1), 0) as observed,
                  least(nullif(sum(checkouts) filter (where minute >= $1 - interval '1 day'
                                                        and minute < $2 - interval '1 day'), 0),
                        nullif(sum(checkouts) filter (where minute < $2 - interval '7 days'), 0)) as expected
             from checkout_counts
            -- The current minute is not over.
            cross join (select date_trunc('minute', $2) as until) u
            where (minute >= $1 and minute < until)
               or (minute >= $1 - interval '1 day' and minute < until - interval '1 day')
               or (minute >= $1 - interval '7 days' and minute < until - interval '7 days')) checkouts$$),
    ('checkouts_without_items', '23aca11d406196501d9b3c796956815f',
     $$select sum(without_items), sum(checkouts) from checkout_counts where minute >= $1 and minute < $2$$),
    ('robot_clicks', 'd6dabe4757db6f4318624946d87bd7d5',
     $$select sum(robots), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('free_checkouts', '7cd5d114683c56c5ac92e1c26c61bbf6',
     $$select sum(free), sum(paid) from checkout_counts where minute >= $1 and minute < $2$$),
    ('slow_processing', '4093ab4fdd896dfd79ddee1655844bf2',
     $$select sum(slow), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('clock_corrections', 'b28959533c14748cf040cad6ec0d25ef',
     $$select sum(corrected), sum(clicks) from click_counts where minute >= $1 and minute < $2$$),
    ('totals_unlike_items', 'c951e7350f55ad1ed7f30cfe5aca2b1e',
     $$select sum(unlike_items), sum(comparable) from checkout_counts where minute >= $1 and minute < $2$$)
)
update quality_rules r
   set query = changed.query
  from changed
 where changed.name = r.name and changed.former = md5(r.query);

grant select, insert, update, delete on click_counts, checkout_counts to pipeline_analytics;
grant select, update on quality_state to pipeline_analytics;

comment on table click_counts is
    'Clicks by minute of their own time, for 15 days, as of the last refresh. Clicks of erased people stay counted.';
comment on column click_counts.minute is 'Start of the minute.';
comment on column click_counts.clicks is 'Clicks, with those of robots.';
comment on column click_counts.robots is 'Clicks of robots.';
comment on column click_counts.without_session is 'Clicks without session_id.';
comment on column click_counts.without_page is 'Clicks without page_url.';
comment on column click_counts.without_device is 'Clicks without device_type.';
comment on column click_counts.without_source is 'Clicks of people without utm_source.';
comment on column click_counts.slow is 'Clicks stored over 5 minutes after their arrival.';
comment on column click_counts.corrected is 'Clicks whose time of arrival stands for the stated one.';
comment on table checkout_counts is 'Checkouts by minute of their own time, for 15 days, as of the last refresh.';
comment on column checkout_counts.minute is 'Start of the minute.';
comment on column checkout_counts.checkouts is 'Checkouts, with test orders.';
comment on column checkout_counts.without_items is 'Checkouts without items.';
comment on column checkout_counts.paid is 'Checkouts without test orders, with free ones.';
comment on column checkout_counts.free is 'Checkouts of amount 0, without test orders.';
comment on column checkout_counts.comparable is 'Checkouts with an amount and with prices of all items.';
comment on column checkout_counts.unlike_items is
    'Those whose amount is under half or over double the sum of their items.';
comment on table quality_state is 'How far the sums are.';
comment on column quality_state.is_only_row is 'True; makes a second row impossible.';
comment on column quality_state.counted is 'The events that this snapshot sees have been counted; null: none.';

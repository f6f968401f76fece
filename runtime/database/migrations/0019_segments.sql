-- Segments: the recency, frequency and value of each customer, and a model of the purchases to come. A refresh computes
-- all of it once a day (runtime/analytics/segments/refreshing.py).

create table customer_scores (
    user_id             text collate "C" primary key,
    recency_days        int not null,
    frequency           bigint not null,
    monetary            numeric,
    r                   smallint not null check (r between 1 and 5),
    f                   smallint not null check (f between 1 and 5),
    m                   smallint check (m between 1 and 5),
    segment             text not null,
    repeat_probability  float8,
    expected_purchases  float8,
    expected_value      float8,
    check ((m is null) = (monetary is null))
);

-- Numbers of customers, so nothing here is about a person. `from_segment` is (new) before the first checkout.
create table segment_moves (
    week          date not null,
    from_segment  text not null,
    to_segment    text not null,
    customers     bigint not null,
    primary key (week, from_segment, to_segment)
);

-- One row.
create table value_model (
    as_of                    date,
    horizon_weeks            int not null,
    customers                bigint not null,
    repeat_customers         bigint not null,
    fitted_customers         bigint not null,
    r                        float8,
    alpha                    float8,
    a                        float8,
    b                        float8,
    why_no_purchases         text,
    p                        float8,
    q                        float8,
    gamma                    float8,
    why_no_value             text,
    why_no_calibration       text,
    customers_without_value  bigint not null,
    notes                    text
);

create table value_calibration (
    point                  int primary key,
    weeks                  int not null,
    customers              bigint not null,
    predicted_probability  float8 not null,
    observed_share         float8 not null,
    predicted_purchases    float8 not null,
    observed_purchases     float8 not null
);

-- What the tables were computed with. The next refresh finds by it whether they are due.
create table segment_state (
    is_only_row         boolean primary key default true check (is_only_row),
    refreshed_on        date,
    as_of               date,
    checkouts           numeric,
    reporting_currency  char(3),
    rates               uuid,
    full_run_id         bigint
);
insert into segment_state default values;

-- The share of erase_user() that concerns segments.
create function erase_from_segments(erased text) returns table (erased_from text, row_count bigint)
language sql
set search_path from current
as $$
    with gone as (delete from customer_scores s where s.user_id = erased returning 1)
    select 'customer_scores', count(*) from gone
$$;

create view customer_segments as
select s.user_id, t.as_of, s.recency_days, s.frequency, s.monetary, s.r, s.f, s.m, s.segment, s.repeat_probability,
       s.expected_purchases, s.expected_value
  from customer_scores s
 cross join segment_state t;

create view segment_summary as
select s.segment, s.as_of, count(*) as customers, round(count(*) / sum(count(*)) over (), 4) as customer_share,
       count(*) - count(s.monetary) as customers_without_value,
       case when count(*) = count(s.monetary) then sum(s.monetary) end as net_revenue,
       round(avg(s.recency_days), 1) as recency_days, round(avg(s.frequency), 2) as frequency,
       avg(s.repeat_probability) as repeat_probability, sum(s.expected_purchases) as expected_purchases,
       case when count(*) = count(s.expected_value) then sum(s.expected_purchases * s.expected_value) end
           as expected_revenue
  from customer_segments s
 group by s.segment, s.as_of;

create view segment_migration as
select week, from_segment, to_segment, customers from segment_moves;

grant select, insert, update, delete
    on customer_scores, segment_moves, value_model, value_calibration, segment_state
    to pipeline_analytics;
grant select on customer_segments, segment_summary, segment_migration, value_model, value_calibration to pipeline_analyst;

comment on table customer_scores is 'The rows of customer_segments.';
comment on table segment_moves is 'The rows of segment_migration.';
comment on table segment_state is
    'The day of the last refresh, and with what it computed the segments: day, number of checkouts, currency and rates.';
comment on function erase_from_segments(text) is
    'Removes a person from the segments; returns how many rows of each table. Part of erase_user().';

comment on view customer_segments is
    'Customers with their segment as of a day: a row for each user with a checkout up to then. Test orders are left out.
Computed once a day.';
comment on column customer_segments.user_id is 'The buyer.';
comment on column customer_segments.as_of is
    'The last complete day, in UTC, that has a checkout. Checkouts up to then count, with all refunds known so far.';
comment on column customer_segments.recency_days is 'Days from the last checkout to as_of.';
comment on column customer_segments.frequency is
    'Checkouts. Two of the same day count twice, and cancelled or refunded ones count.';
comment on column customer_segments.monetary is
    'Net amount of all checkouts, in the reporting currency; null when an exchange rate is missing for one of them.';
comment on column customer_segments.r is
    'Recency from 1 to 5, most recent: 6 less the fifth of recency_days. The fifth of a value is 1 + 5 · lower / (n - 1), '
    'rounded down, at most 5, where `lower` of the n customers have a lower value. Equal values have equal fifths.';
comment on column customer_segments.f is 'Frequency from 1 to 5, most often: the fifth of frequency.';
comment on column customer_segments.m is
    'Value from 1 to 5, highest: the fifth of monetary among the customers who have one.';
comment on column customer_segments.segment is 'Name for r and f, by the table in docs/analytics.md.';
comment on column customer_segments.repeat_probability is
    'Probability of a checkout in the weeks after as_of, as many as value_model.horizon_weeks (BG/NBD). Null when '
    'value_model.why_no_purchases has a reason.';
comment on column customer_segments.expected_purchases is
    'Expected number of days with a checkout in these weeks (BG/NBD).';
comment on column customer_segments.expected_value is
    'Expected net amount of a day with a checkout, in the reporting currency (Gamma-Gamma). Null when monetary is, or when '
    'value_model.why_no_value has a reason.';

comment on view segment_summary is 'Customers and their value by segment, as of the day of customer_segments.';
comment on column segment_summary.segment is 'Name for r and f, by the table in docs/analytics.md.';
comment on column segment_summary.as_of is 'The day of customer_segments.';
comment on column segment_summary.customers is 'Customers.';
comment on column segment_summary.customer_share is 'Customers divided by those of all segments.';
comment on column segment_summary.customers_without_value is
    'Customers with a checkout for which an exchange rate is missing.';
comment on column segment_summary.net_revenue is
    'Net amount of all their checkouts so far, in the reporting currency; null when an exchange rate is missing.';
comment on column segment_summary.recency_days is 'Mean days from the last checkout to as_of.';
comment on column segment_summary.frequency is 'Mean number of checkouts.';
comment on column segment_summary.repeat_probability is
    'Mean probability of a checkout in the weeks after as_of, as many as value_model.horizon_weeks.';
comment on column segment_summary.expected_purchases is
    'Expected number of days with a checkout in these weeks, summed over the customers.';
comment on column segment_summary.expected_revenue is
    'Expected net amount in these weeks: expected purchases times expected value, summed over the customers. Null when an '
    'exchange rate is missing, or when value_model has a reason.';

comment on view segment_migration is
    'Customers by their segments at the begin and at the end of a week, for the last 26 complete weeks. Computed anew once a '
    'day with all events known so far. Customers who stay in their segment have a row too.';
comment on column segment_migration.week is 'First day of the week, a Monday, in UTC.';
comment on column segment_migration.from_segment is
    'Segment as of the Sunday before; (new) for customers whose first checkout is in the week.';
comment on column segment_migration.to_segment is 'Segment as of the Sunday of the week.';
comment on column segment_migration.customers is 'Customers.';

comment on table value_model is
    'The models behind repeat_probability, expected_purchases and expected_value, in one row. Times are in weeks, and the '
    'checkouts of a day count as one purchase.';
comment on column value_model.as_of is 'The day of customer_segments.';
comment on column value_model.horizon_weeks is 'Weeks after as_of of the predictions.';
comment on column value_model.customers is 'Customers.';
comment on column value_model.repeat_customers is 'Customers with checkouts on several days.';
comment on column value_model.fitted_customers is 'Customers in the fit: all, or a selection by the order of their ids.';
comment on column value_model.r is 'BG/NBD: shape of the rates at which customers buy.';
comment on column value_model.alpha is 'BG/NBD: scale of these rates, in weeks. The mean rate is r / alpha a week.';
comment on column value_model.a is 'BG/NBD: first parameter of the probability to leave after a purchase.';
comment on column value_model.b is 'BG/NBD: second parameter. The mean probability is a / (a + b).';
comment on column value_model.why_no_purchases is 'Why there is no BG/NBD model, and the remedy; null when there is one.';
comment on column value_model.p is 'Gamma-Gamma: shape of the values of a customer''s purchases.';
comment on column value_model.q is 'Gamma-Gamma: shape of the mean values of customers.';
comment on column value_model.gamma is
    'Gamma-Gamma: scale, in the reporting currency. The mean value of all customers is p · gamma / (q - 1).';
comment on column value_model.why_no_value is 'Why there is no Gamma-Gamma model, and the remedy; null when there is one.';
comment on column value_model.why_no_calibration is 'Why value_calibration is empty; null when it is not.';
comment on column value_model.customers_without_value is
    'Customers with a checkout for which an exchange rate is missing: the value model and expected_value leave them out.';
comment on column value_model.notes is 'What to know before the figures.';

comment on table value_calibration is
    'How well the BG/NBD model predicts: fitted to the time before the last weeks, and compared with them. Groups of customers '
    'of about the same size, from the lowest predicted probability to the highest.';
comment on column value_calibration.point is 'Number of the group, from 1.';
comment on column value_calibration.weeks is 'Weeks up to as_of that the fit has not seen.';
comment on column value_calibration.customers is 'Customers of the group.';
comment on column value_calibration.predicted_probability is 'Mean predicted probability of a checkout in these weeks.';
comment on column value_calibration.observed_share is 'Share of the customers with a checkout in these weeks.';
comment on column value_calibration.predicted_purchases is 'Mean expected number of days with a checkout in these weeks.';
comment on column value_calibration.observed_purchases is 'Mean number of days with a checkout in these weeks.';

-- Experiments: the ones that people registered, the users that each one exposed, and the results that a refresh computes
-- (runtime/analytics/experiments/refreshing.py).

create table experiments (
    experiment_id   text collate "C" not null check (octet_length(experiment_id) between 1 and 200),
    variant         text collate "C" not null check (octet_length(variant) between 1 and 200),
    is_control      boolean not null,
    expected_share  numeric(19, 4) not null check (expected_share > 0),
    started_at      timestamptz not null,
    ended_at        timestamptz check (ended_at > started_at),
    metric          text not null default 'conversion_rate' check (metric in ('conversion_rate', 'revenue_per_user')),
    alpha           numeric(5, 4) not null default 0.05 check (alpha > 0 and alpha < 1),
    lift            numeric(9, 4) check (lift > 0),
    tolerated_fall  numeric(5, 4) not null default 0 check (tolerated_fall >= 0 and tolerated_fall < 1),
    primary key (experiment_id, variant),
    -- Checked at the end of a statement, which may make another variant the control.
    constraint experiments_have_one_control exclude (experiment_id with =) where (is_control) deferrable
);

-- The variant is empty for a user who saw several ones. Of such a user nothing else is kept.
create table exposures (
    user_id               text collate "C" not null,
    experiment_id         text collate "C" not null,
    variant               text collate "C" not null,
    exposed_at            timestamptz not null,
    checkouts             int not null,
    net_revenue           numeric,
    revenue_before        numeric,
    primary key (user_id, experiment_id)
) with (fillfactor = 90);

-- Sums of `exposures`. A row of exposures is subtracted before it changes, and added after. The sums are exact.
create table experiment_sums (
    experiment_id           text collate "C" not null,
    variant                 text collate "C" not null,
    users                   bigint not null,
    conversions             bigint not null,
    without_revenue         bigint not null,
    without_revenue_before  bigint not null,
    revenue                 numeric not null,
    squared_revenue         numeric not null,
    revenue_before          numeric not null,
    squared_before          numeric not null,
    revenue_product         numeric not null,
    primary key (experiment_id, variant)
) with (fillfactor = 80);

create table experiment_statistics (
    experiment_id             text collate "C" not null,
    variant                   text collate "C" not null,
    metric                    text not null,
    position                  int not null,
    is_goal                   boolean not null,
    is_control                boolean not null,
    is_registered             boolean not null,
    started_at                timestamptz,
    ended_at                  timestamptz,
    is_valid                  boolean not null,
    why_invalid               text,
    notes                     text,
    users                     bigint not null,
    user_share                float8,
    expected_share            float8,
    conversions               bigint not null,
    conversion_rate           float8,
    conversion_rate_low       float8,
    conversion_rate_high      float8,
    revenue_per_user          float8,
    revenue_per_user_low      float8,
    revenue_per_user_high     float8,
    lift                      float8,
    p_value                   float8,
    p_value_adjusted          float8,
    ci_low                    float8,
    ci_high                   float8,
    always_valid_low          float8,
    always_valid_high         float8,
    verdict                   text,
    guardrail                 text,
    variance_reduction        float8,
    minimum_detectable_lift   float8,
    users_needed              bigint,
    days_left                 int,
    srm_p_value               float8,
    srm_sequential_p_value    float8,
    mixed_users               bigint not null,
    primary key (experiment_id, variant, metric)
);

-- What the tables were computed with. The next refresh finds by them what has changed.
create table experiment_state (
    is_only_row         boolean primary key default true check (is_only_row),
    horizon             bigint,
    reporting_currency  char(3)
);
insert into experiment_state default values;
create table experiment_periods (
    experiment_id  text collate "C" primary key,
    started_at     timestamptz not null,
    ended_at       timestamptz
);
create table experiment_rates (
    currency  char(3) not null,
    day       date not null,
    rate      numeric(27, 12) not null,
    primary key (currency, day)
);
create table changed_experiment_users (user_id text collate "C" primary key);

create view exposure_sums as
select experiment_id, user_id, variant, 1 as users, (checkouts > 0)::int as conversions,
       (net_revenue is null)::int as without_revenue, (revenue_before is null)::int as without_revenue_before,
       coalesce(net_revenue, 0) as revenue, coalesce(net_revenue * net_revenue, 0) as squared_revenue,
       coalesce(revenue_before, 0) as revenue_before, coalesce(revenue_before * revenue_before, 0) as squared_before,
       coalesce(net_revenue * revenue_before, 0) as revenue_product
  from exposures;

create function count_exposures(user_ids text[], sign int) returns void
language sql
set search_path from current
as $$
    insert into experiment_sums as e
    select experiment_id, variant, sign * sum(users), sign * sum(conversions), sign * sum(without_revenue),
           sign * sum(without_revenue_before), sign * sum(revenue), sign * sum(squared_revenue),
           sign * sum(revenue_before), sign * sum(squared_before), sign * sum(revenue_product)
      from exposure_sums
     where user_id = any (user_ids)
     group by experiment_id, variant
        on conflict (experiment_id, variant) do update
       set users = e.users + excluded.users,
           conversions = e.conversions + excluded.conversions,
           without_revenue = e.without_revenue + excluded.without_revenue,
           without_revenue_before = e.without_revenue_before + excluded.without_revenue_before,
           revenue = e.revenue + excluded.revenue,
           squared_revenue = e.squared_revenue + excluded.squared_revenue,
           revenue_before = e.revenue_before + excluded.revenue_before,
           squared_before = e.squared_before + excluded.squared_before,
           revenue_product = e.revenue_product + excluded.revenue_product
$$;

-- The share of erase_user() that concerns experiments, to be called before it deletes refunds and checkouts.
create function erase_from_experiments(erased text) returns table (erased_from text, row_count bigint)
language plpgsql
set search_path from current
as $$
begin
    perform count_exposures(array[erased], -1);
    delete from experiment_sums e where e.users = 0;
    delete from changed_experiment_users c where c.user_id = erased;
    return query
      with gone as (delete from exposures x where x.user_id = erased returning 1)
      select 'exposures', count(*) from gone;
    -- A refund in the person's name of another user's order leaves that user with another revenue.
    insert into changed_experiment_users
    select distinct k.user_id
      from raw_refunds r
      join raw_checkouts k using (checkout_id)
      join exposures x on x.user_id = k.user_id
     where r.user_id = erased and k.user_id <> erased
        on conflict do nothing;
end
$$;

create view experiment_results as
select experiment_id, variant, metric, is_goal, is_control, is_registered, started_at, ended_at, is_valid, why_invalid,
       users, user_share, expected_share, conversions, conversion_rate, conversion_rate_low, conversion_rate_high,
       revenue_per_user, revenue_per_user_low, revenue_per_user_high, lift, p_value, p_value_adjusted, ci_low, ci_high,
       always_valid_low, always_valid_high, verdict, guardrail, variance_reduction, minimum_detectable_lift,
       users_needed, days_left, srm_p_value, srm_sequential_p_value, mixed_users, notes
  from experiment_statistics
 order by is_registered desc, started_at desc, experiment_id, position, metric;

grant select, insert, update, delete
    on experiments, exposures, experiment_sums, experiment_statistics, experiment_state, experiment_periods,
       experiment_rates, changed_experiment_users
    to pipeline_analytics;
grant select on exposure_sums to pipeline_analytics;
grant execute on function count_exposures(text[], int) to pipeline_analytics;
grant select on experiments, experiment_results to pipeline_analyst;

comment on table experiments is
    'Registered experiments, a row for each variant. The period, the metric, alpha, lift and tolerated_fall are those of the
row of the control. Filled from files.';
comment on column experiments.experiment_id is 'The experiment_id of its clicks.';
comment on column experiments.variant is 'The variant of its clicks.';
comment on column experiments.is_control is 'The variant that the others are compared with; one for each experiment.';
comment on column experiments.expected_share is
    'Share of the users that the assignment gives to the variant, relative to the sum over the variants.';
comment on column experiments.started_at is 'Clicks from then on expose a user.';
comment on column experiments.ended_at is 'Clicks and checkouts from then on do not count; null: not known yet.';
comment on column experiments.metric is 'What the experiment is to raise; the other metric is the guardrail.';
comment on column experiments.alpha is 'Accepted share of false positives over all treatments.';
comment on column experiments.lift is 'Relative lift to be detected, such as 0.05; null: none in particular.';
comment on column experiments.tolerated_fall is 'Relative fall of the other metric that is accepted, such as 0.01.';

comment on table exposures is
    'Users of each experiment, since their first click in its period that names it; robots are left out.';
comment on table experiment_sums is 'Sums of `exposures` by variant; an empty variant stands for users who saw several.';
comment on table experiment_statistics is 'The rows of experiment_results.';
comment on table experiment_state is
    'The reporting currency of `exposures`, and `horizon`: the next refresh reads the events of this transaction and later.';
comment on table experiment_periods is 'The periods with which `exposures` was computed.';
comment on table experiment_rates is 'The exchange rates with which `exposures` was computed.';
comment on table changed_experiment_users is 'Users whose exposures have to be computed anew.';
comment on function count_exposures(text[], int) is 'Adds (1) or subtracts (-1) the exposures of users.';
comment on function erase_from_experiments(text) is
    'Removes a person from the experiments; returns how many rows of each table. Part of erase_user().';

comment on view experiment_results is
    'Results of the experiments as of the last refresh, a row for each experiment, variant and metric. Users, conversions and
revenue are the same in every metric''s row of a variant.';
comment on column experiment_results.experiment_id is 'The experiment, as in the clicks.';
comment on column experiment_results.variant is 'The variant, as in the clicks.';
comment on column experiment_results.metric is
    'Metric of the comparison with the control: conversion_rate, revenue_per_user, or revenue_per_user_cuped, which is '
    'revenue_per_user adjusted by the revenue in the 30 days before the exposure (CUPED).';
comment on column experiment_results.is_goal is 'The experiment is to raise this metric.';
comment on column experiment_results.is_control is 'The variant that the others are compared with.';
comment on column experiment_results.is_registered is
    'The table `experiments` has the variant. Without it, no share is expected and nothing is compared.';
comment on column experiment_results.started_at is 'Start of the experiment; null when it is not registered.';
comment on column experiment_results.ended_at is 'End of the experiment; null: not known yet.';
comment on column experiment_results.is_valid is 'False: use none of the comparisons; why_invalid says why.';
comment on column experiment_results.why_invalid is 'Why the experiment is not valid, and the remedy; null when it is.';
comment on column experiment_results.users is
    'Users with a click of this variant within the period, and with no click of another variant. Robots are left out.';
comment on column experiment_results.user_share is 'Users divided by the users of all variants.';
comment on column experiment_results.expected_share is 'Share of the users that the variant should have.';
comment on column experiment_results.conversions is
    'Users with a checkout from their first click on, before the end. Cancelled orders count, test orders do not.';
comment on column experiment_results.conversion_rate is 'Conversions divided by users.';
comment on column experiment_results.conversion_rate_low is 'Lower end of Wilson''s interval of the conversion rate.';
comment on column experiment_results.conversion_rate_high is 'Upper end of Wilson''s interval of the conversion rate.';
comment on column experiment_results.revenue_per_user is
    'Net revenue of the users from their first click on, before the end, divided by users; in the reporting currency, null '
    'when an exchange rate is missing.';
comment on column experiment_results.revenue_per_user_low is 'Lower end of its interval, by Student''s t.';
comment on column experiment_results.revenue_per_user_high is 'Upper end of its interval, by Student''s t.';
comment on column experiment_results.lift is 'Metric of the variant divided by that of the control, less 1.';
comment on column experiment_results.p_value is
    'Two-sided p-value of equal metrics, for one look: pooled z test of rates, Welch''s test of revenues.';
comment on column experiment_results.p_value_adjusted is
    'The p-value times the number of treatments, at most 1 (Bonferroni). Compare it with alpha.';
comment on column experiment_results.ci_low is 'Lower end of the interval of the lift, for one look at a planned end.';
comment on column experiment_results.ci_high is 'Upper end of that interval.';
comment on column experiment_results.always_valid_low is
    'Lower end of the interval of the lift that holds at every look, also while the experiment runs.';
comment on column experiment_results.always_valid_high is 'Upper end of that interval.';
comment on column experiment_results.verdict is
    'By the always-valid interval: better, worse or undecided; null when the experiment is not valid.';
comment on column experiment_results.guardrail is
    'Of the metric that is not the goal: breached when it fell by more than tolerated_fall, kept when it did not, undecided; '
    'by the always-valid interval. Null when the experiment is not valid.';
comment on column experiment_results.variance_reduction is
    'Share of the variance of the revenue that the revenue before the exposure explains; of revenue_per_user_cuped only.';
comment on column experiment_results.minimum_detectable_lift is
    'Smallest rise that so many users detect with a power of 80 %, at one look.';
comment on column experiment_results.users_needed is
    'Users of all variants that detect the registered lift with a power of 80 %; null without one.';
comment on column experiment_results.days_left is
    'Days until then, if as many users come a day as so far; null without a registered lift, and after the end.';
comment on column experiment_results.srm_p_value is
    'p-value of the users by variant under the expected shares (sample ratio mismatch), by the χ² test, for one look.';
comment on column experiment_results.srm_sequential_p_value is 'The same for any number of looks.';
comment on column experiment_results.mixed_users is
    'Users of the experiment who saw several variants. They are left out of all other columns.';
comment on column experiment_results.notes is 'What to know before the figures.';

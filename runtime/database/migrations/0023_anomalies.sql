-- Anomalies: sums by five minutes that the detectors read, the range that they expect, and their findings.

-- Channels of checkouts are those of their last touch. Sums hold no data of people.
create table channel_steps (
    at         timestamptz not null,
    channel    text collate "C" not null,
    clicks     bigint not null,
    checkouts  bigint not null,
    priced     bigint not null,
    revenue    numeric not null,
    primary key (at, channel)
);

create table batch_steps (
    at            timestamptz primary key,
    events        bigint not null,
    late          bigint not null,
    dead_letters  bigint not null
);

create table anomaly_findings (
    finding_id     bigint generated always as identity primary key,
    series         text collate "C" not null,
    detector       text not null check (detector in ('baseline', 'forest')),
    from_time      timestamptz not null,
    last_time      timestamptz not null,
    alarm_time     timestamptz not null,
    is_over        boolean not null,
    severity       text not null check (severity in ('low', 'medium', 'high')),
    score          double precision not null,
    observed       double precision not null,
    expected_low   double precision not null,
    expected_high  double precision not null,
    check (from_time < last_time)
);
create index anomaly_findings_by_time on anomaly_findings (from_time);

create table expected_ranges (
    series         text collate "C" not null,
    hour           timestamptz not null,
    observed       double precision not null,
    expected_low   double precision not null,
    expected_high  double precision not null,
    primary key (series, hour)
);

create table anomaly_state (
    is_only_row         boolean primary key default true check (is_only_row),
    horizon             bigint,
    reporting_currency  char(3),
    judged_until        timestamptz
);
insert into anomaly_state default values;

create view anomalies as
select series, from_time, case when is_over then last_time end as to_time, severity, observed, expected_low,
       expected_high, round(score::numeric, 1) as score, detector, alarm_time, finding_id
  from anomaly_findings;

grant select, insert, update, delete on channel_steps, batch_steps, anomaly_findings, expected_ranges
    to pipeline_analytics;
grant select, update on anomaly_state to pipeline_analytics;
grant select on anomalies, expected_ranges to pipeline_analyst;

comment on table channel_steps is 'Sums of events by five minutes of their own time and by channel, for six weeks.';
comment on column channel_steps.at is 'Start of the five minutes.';
comment on column channel_steps.channel is
    'Channel of the clicks, and of the last touch of the checkouts; (unattributed) for checkouts without a touch.';
comment on column channel_steps.clicks is 'Clicks, without those of robots.';
comment on column channel_steps.checkouts is 'Checkouts, without test orders.';
comment on column channel_steps.priced is 'Checkouts whose currency has an exchange rate.';
comment on column channel_steps.revenue is 'Their amounts before refunds, in the reporting currency.';
comment on table batch_steps is 'Sums of the batches by five minutes of their beginning, for six weeks.';
comment on column batch_steps.at is 'Start of the five minutes.';
comment on column batch_steps.events is 'New clicks, checkouts and refunds.';
comment on column batch_steps.late is 'New events that were behind the watermark.';
comment on column batch_steps.dead_letters is 'Refused events.';
comment on table anomaly_findings is 'Findings of the detectors. A finding keeps its number, its beginning and its alarm.';
comment on column anomaly_findings.finding_id is 'Number of the finding.';
comment on column anomaly_findings.series is 'The series, with its channel if it has one.';
comment on column anomaly_findings.detector is
    'baseline: the series left the range that its own weeks before let expect. forest: several series together are unusual.';
comment on column anomaly_findings.from_time is 'Start of the first step that deviates.';
comment on column anomaly_findings.last_time is 'End of the last step that deviates.';
comment on column anomaly_findings.alarm_time is 'End of the step that made the deviation a finding.';
comment on column anomaly_findings.is_over is 'The series is back in its range, or its new level has lasted for a day.';
comment on column anomaly_findings.severity is 'low, medium from a score of 8 on, high from 15 on.';
comment on column anomaly_findings.score is 'Greatest deviation, in robust standard deviations.';
comment on column anomaly_findings.observed is 'Value of the step that deviates most.';
comment on column anomaly_findings.expected_low is 'Lower end of the range that was expected of this step.';
comment on column anomaly_findings.expected_high is 'Upper end of the range that was expected of this step.';
comment on table expected_ranges is
    'Hourly values of the series with the range that their weeks before let expect, for two weeks.';
comment on column expected_ranges.series is 'The series, with its channel if it has one.';
comment on column expected_ranges.hour is 'Start of the hour.';
comment on column expected_ranges.observed is 'Mean of the steps of five minutes in the hour.';
comment on column expected_ranges.expected_low is 'Lower end of the expected range.';
comment on column expected_ranges.expected_high is 'Upper end of the expected range.';
comment on table anomaly_state is 'How far the detectors are.';
comment on column anomaly_state.is_only_row is 'True; makes a second row impossible.';
comment on column anomaly_state.horizon is 'Transactions before this one have been counted.';
comment on column anomaly_state.reporting_currency is 'Currency of the counted revenue.';
comment on column anomaly_state.judged_until is 'End of the last judged step; null before the first one.';

comment on view anomalies is
    'Incidents in the series of the shop: one row an incident, not one for each point. As of the last refresh.';
comment on column anomalies.series is
    'The series, with its channel if it has one: clicks, checkouts, revenue, order_value, conversion_rate, '
    'unattributed_share, late_share or dead_letter_share, by five minutes.';
comment on column anomalies.from_time is 'Start of the first step that deviates.';
comment on column anomalies.to_time is 'End of the last step that deviates; null while the incident is not over.';
comment on column anomalies.severity is 'low, medium from a score of 8 on, high from 15 on.';
comment on column anomalies.observed is 'Value of the step that deviates most.';
comment on column anomalies.expected_low is 'Lower end of the range that was expected of this step.';
comment on column anomalies.expected_high is 'Upper end of the range that was expected of this step.';
comment on column anomalies.score is 'Greatest deviation, in robust standard deviations.';
comment on column anomalies.detector is
    'baseline: the series left the range that its own weeks before let expect. forest: several series together are unusual.';
comment on column anomalies.alarm_time is 'End of the step that made the deviation a finding.';
comment on column anomalies.finding_id is 'Number of the finding, which never changes.';

-- The inputs of analytics: settings, currencies, spend, exchange rates, and the rules that group traffic into channels.

create table analytics_settings (
    is_only_row         boolean primary key default true check (is_only_row),
    reporting_currency  char(3) not null default 'EUR',
    look_back           interval not null default '30 days' check (look_back > interval '0'),
    half_life           interval check (half_life > interval '0'),
    markov_order        int not null default 1 check (markov_order between 1 and 5),
    touch_limit         int not null default 1000 check (touch_limit between 2 and 10000)
);
insert into analytics_settings default values;

create table currency_units (
    currency  char(3) primary key,
    digits    smallint not null check (digits between 0 and 4)
);
-- ISO 4217, published on 2026-01-01, and the codes that were withdrawn since 2015. Metals and other codes without a
-- smallest unit have four digits, as many as amounts can have.
insert into currency_units (currency, digits)
select code, digits
  from (values
        (0, 'BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
        (2, 'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG
HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL LTL MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK
MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS
SRD SSP STD STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VEF VES WST XAD XCD XCG YER ZAR ZMW
ZWG ZWL'),
        (3, 'BHD IQD JOD KWD LYD OMR TND'),
        (4, 'CLF UYW XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX')
       ) as listed (digits, codes)
 cross join lateral regexp_split_to_table(codes, '\s+') as code;

create table ad_spend (
    day       date not null,
    channel   text collate "C" not null check (channel <> ''),
    campaign  text collate "C" not null default '',
    amount    numeric(19, 4) not null check (amount >= 0),
    currency  char(3) not null references currency_units,
    primary key (day, channel, campaign, currency)
);

create table exchange_rates (
    day       date not null,
    currency  char(3) not null references currency_units,
    rate      numeric(27, 12) not null check (rate > 0),
    primary key (currency, day)
);

-- Matching a pattern in a check makes PostgreSQL compile it, so an invalid one is refused when it is stored.
create table channel_rules (
    priority  int primary key,
    source    text check (source is null or ('' ~* source) is not null),
    medium    text check (medium is null or ('' ~* medium) is not null),
    campaign  text check (campaign is null or ('' ~* campaign) is not null),
    referrer  text check (referrer is null or ('' ~* referrer) is not null),
    channel   text collate "C" not null check (channel not in ('', '(unattributed)')),
    is_paid   boolean not null
);

-- The order and the conditions are those of GA4: https://support.google.com/analytics/answer/9756891
-- The sites are a selection. As GA4, a rule of a channel with two conditions joined by "or" is written as two rules.
with sites (kind, pattern) as (
    values ('search', '^(www\.|m\.|news\.|cn\.|lite\.|html\.|[a-z]{2}\.|([a-z]+\.)?search\.)?(google|bing|yahoo|duckduckgo|'
                      'ecosia|brave|qwant|startpage|baidu|sogou|yandex|ya|naver|daum|seznam|ask|aol|msn|so|lycos|'
                      'kagi|mojeek|swisscows|presearch|petalsearch|com\.google\.android\.googlequicksearchbox)'
                      '(\.(com?|[a-z]{2,3}|net|org))?(\.[a-z]{2,3})?$'),
           ('social', '^(www\.|m\.|l\.|lm\.|out\.|away\.|go\.|web\.|old\.|[a-z]{2}(-[a-z]{2})?\.)?(facebook|fb|instagram|ig|'
                      'threads|twitter|x|t\.co|linkedin|lnkd\.in|pinterest|pin\.it|tiktok|reddit|snapchat|whatsapp|wa\.me|'
                      'telegram|t\.me|vk|vkontakte|ok\.ru|bluesky|bsky|bsky\.app|mastodon|weibo|wechat|weixin|line|kakao|'
                      'tumblr|quora|discord|messenger|meta|xing|nextdoor|fb\.me|meetup|medium|blogger|'
                      'com\.(facebook\.katana|instagram\.android|linkedin\.android|reddit\.frontpage)|'
                      'org\.telegram\.messenger)(\.(com?|net|org|app|me))?(\.[a-z]{2,3})?$'),
           ('video', '^(www\.|m\.|player\.)?(youtube|youtu\.be|vimeo|twitch|dailymotion|netflix|hulu|disneyplus|iqiyi|'
                     'youku|bilibili|rutube|wistia|utreon)(\.(com|tv|org|ru|net))?$'),
           ('shopping', '^(www\.|m\.|shopping\.|smile\.)?(amazon|ebay|etsy|alibaba|aliexpress|walmart|shopify|shop\.app|'
                        'shopping|shopzilla|pricegrabber|idealo|google shopping|googleshopping|rakuten|mercadolibre|'
                        'mercadolivre|zalando|otto|allegro|temu|shein|wish|kelkoo|billiger)(\.(com?|[a-z]{2,3}))?(\.[a-z]{2})?$')
),
patterns as (
    select max(pattern) filter (where kind = 'search') as search,
           max(pattern) filter (where kind = 'social') as social,
           max(pattern) filter (where kind = 'video') as video,
           max(pattern) filter (where kind = 'shopping') as shopping,
           '^(.*cp.*|ppc|retargeting|paid.*)$' as paid,
           '^(.*(([^a-df-z]|^)shop|shopping).*)$' as shop_campaign,
           '^e[-_ ]?mail$' as mail
      from sites
)
insert into channel_rules (priority, channel, is_paid, source, medium, campaign)
select r.*
  from patterns
 cross join lateral (values
       (100, 'Direct', false, '^\(?direct\)?$', '^(\((not set|none)\))?$', null),
       (110, 'Direct', false, '^$', '^\((not set|none)\)$', '^$'),
       (200, 'Cross-network', true, null, null, 'cross-network'),
       (300, 'Paid Shopping', true, shopping, paid, null),
       (310, 'Paid Shopping', true, null, paid, shop_campaign),
       (400, 'Paid Search', true, search, paid, null),
       (500, 'Paid Social', true, social, paid, null),
       (600, 'Paid Video', true, video, paid, null),
       (700, 'Display', true, null, '^(display|banner|expandable|interstitial|cpm)$', null),
       (800, 'Paid Other', true, null, paid, null),
       (900, 'Organic Shopping', false, shopping, null, null),
       (910, 'Organic Shopping', false, null, null, shop_campaign),
       (1000, 'Organic Social', false, social, null, null),
       (1010, 'Organic Social', false, null, '^(social|social[- ]network|social[- ]media|sm)$', null),
       (1100, 'Organic Video', false, video, null, null),
       (1110, 'Organic Video', false, null, 'video', null),
       (1200, 'Organic Search', false, search, null, null),
       (1210, 'Organic Search', false, null, '^organic$', null),
       (1300, 'Referral', false, null, '^(referral|app|link)$', null),
       (1400, 'Email', false, mail, null, null),
       (1410, 'Email', false, null, mail, null),
       (1500, 'Affiliates', false, null, '^affiliates?$', null),
       (1600, 'Audio', false, null, '^audio$', null),
       (1700, 'SMS', false, '^sms$', null, null),
       (1710, 'SMS', false, null, '^sms$', null),
       (1800, 'Mobile Push Notifications', false, '^firebase$', null, null),
       (1810, 'Mobile Push Notifications', false, null, '(push$|mobile|notification)', null)
       ) r (priority, channel, is_paid, source, medium, campaign);

-- Each distinct combination of labels in raw_clicks. Labels can be longer than an index entry, so their digest is unique.
create table traffic (
    traffic_id     int generated always as identity primary key,
    source         text not null,
    medium         text not null,
    campaign       text not null,
    referrer_host  text not null,
    digest         uuid not null unique,
    channel        text collate "C",
    is_paid        boolean,
    rules          uuid,
    model_channel  text collate "C"
);
insert into traffic (traffic_id, source, medium, campaign, referrer_host, digest, channel, is_paid, model_channel)
overriding system value
values (0, '', '', '', '', md5('(unattributed)')::uuid, '(unattributed)', false, '(unattributed)');

create function traffic_digest(source text, medium text, campaign text, referrer_host text) returns uuid
language sql immutable parallel safe
as $$
    select md5(length(source) || ' ' || length(medium) || ' ' || length(campaign) || ' ' || source || medium || campaign
               || referrer_host)::uuid
$$;

-- Without scheme, login, port and path. The package of an Android app stands where a host would be.
create function referrer_host(referrer text) returns text
language sql immutable parallel safe
as $$
    select coalesce(lower(substring(referrer from '^\s*[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:\s]+)')), '')
$$;

create function channel_rule_of(source text, medium text, campaign text, referrer text)
returns table (channel text, is_paid boolean)
language sql stable parallel safe
set search_path from current
as $$
    select given.channel, given.is_paid
      from (
           select r.priority::bigint, r.channel, r.is_paid
             from channel_rules r
            where (r.source is null or coalesce(channel_rule_of.source, '') ~* r.source)
              and (r.medium is null or coalesce(channel_rule_of.medium, '') ~* r.medium)
              and (r.campaign is null or coalesce(channel_rule_of.campaign, '') ~* r.campaign)
              and (r.referrer is null or coalesce(channel_rule_of.referrer, '') ~* r.referrer)
            union all
           select 9223372036854775807,
                  case when coalesce(channel_rule_of.source, '') || coalesce(channel_rule_of.medium, '')
                            || coalesce(channel_rule_of.campaign, '') = '' then 'Direct' else 'Unassigned' end,
                  false
           ) given
     order by given.priority
     limit 1
$$;

create function channel_of(source text, medium text, campaign text, referrer text) returns text
language sql stable parallel safe
set search_path from current
as $$ select channel from channel_rule_of(source, medium, campaign, referrer) $$;

-- Groups by one rule after the other, because PostgreSQL keeps only a few compiled patterns.
create function regroup_traffic() returns bigint
language plpgsql
set search_path from current
as $$
declare
    rule channel_rules;
    digest_of_rules uuid := (
        select md5(coalesce(string_agg(r::text, E'\n' order by r.priority), ''))::uuid from channel_rules r
    );
    outdated bigint := (
        select count(*) from traffic t where t.rules is distinct from digest_of_rules and t.traffic_id <> 0
    );
begin
    if outdated = 0 then
        return 0;
    end if;
    for rule in select * from channel_rules order by priority loop
        update traffic t
           set channel = rule.channel, is_paid = rule.is_paid, rules = digest_of_rules
         where t.rules is distinct from digest_of_rules
           and t.traffic_id <> 0
           and (rule.source is null or t.source ~* rule.source)
           and (rule.medium is null or t.medium ~* rule.medium)
           and (rule.campaign is null or t.campaign ~* rule.campaign)
           and (rule.referrer is null or t.referrer_host ~* rule.referrer);
    end loop;
    update traffic t
       set channel = case when t.source || t.medium || t.campaign = '' then 'Direct' else 'Unassigned' end,
           is_paid = false, rules = digest_of_rules
     where t.rules is distinct from digest_of_rules and t.traffic_id <> 0;
    return outdated;
end
$$;

create function regroup_traffic_by_new_rules() returns trigger
language plpgsql
set search_path from current
as $$
begin
    perform regroup_traffic();
    return null;
end
$$;
create trigger channel_rules_change after insert or update or delete or truncate on channel_rules
for each statement execute function regroup_traffic_by_new_rules();

create view traffic_channels as
select traffic_id, channel, campaign, is_paid, source, medium, referrer_host
  from traffic
 where channel is not null;

-- The login that keeps the tables of the models. It reads events, and changes nothing that the job writes.
do $$
begin
    if not exists (select from pg_roles where rolname = 'pipeline_analytics') then
        create role pipeline_analytics nologin;
    end if;
    execute format('grant connect, temporary on database %I to pipeline_analytics', current_database());
end
$$;
alter role pipeline_analytics set statement_timeout = '5min';
alter role pipeline_analytics set idle_in_transaction_session_timeout = '5min';
alter role pipeline_analytics set timezone = 'UTC';

grant usage on schema public to pipeline_analytics;
grant select on raw_clicks, raw_checkouts, raw_refunds to pipeline_analytics;
grant select on analytics_settings, currency_units, traffic_channels to pipeline_analytics;
grant select, insert, update, delete on ad_spend, exchange_rates, channel_rules, traffic to pipeline_analytics;
grant execute on function
    traffic_digest(text, text, text, text), referrer_host(text), channel_rule_of(text, text, text, text),
    channel_of(text, text, text, text), regroup_traffic(), regroup_traffic_by_new_rules()
    to pipeline_analytics;
grant select on analytics_settings, currency_units, ad_spend, exchange_rates, channel_rules, traffic_channels
    to pipeline_analyst;
grant execute on function
    traffic_digest(text, text, text, text), referrer_host(text), channel_rule_of(text, text, text, text),
    channel_of(text, text, text, text)
    to pipeline_analyst;

comment on table analytics_settings is
    'Parameters of the models and views, in one row. The next refresh applies a change.';
comment on column analytics_settings.is_only_row is 'True; makes a second row impossible.';
comment on column analytics_settings.reporting_currency is 'Currency of the amounts in the views, by ISO 4217.';
comment on column analytics_settings.look_back is
    'Age of the oldest click that is a touch of a checkout. A day has 24 hours, a month 30 days.';
comment on column analytics_settings.half_life is
    'Age at which a touch has half the weight in time_decay; null: 7 days, or a quarter of a look_back under 28 days.';
comment on column analytics_settings.markov_order is
    'Number of previous touches that the next step of markov depends on.';
comment on column analytics_settings.touch_limit is
    'Most touches of a checkout: the first one and the latest others. Protects the refresh from robots that are '
    'not known as such.';

comment on table currency_units is 'Currencies of ISO 4217. Credits are whole numbers of the smallest unit.';
comment on column currency_units.currency is 'Code of the currency.';
comment on column currency_units.digits is 'Decimals of the smallest unit: 2 for a cent.';

comment on table ad_spend is 'What was paid for advertising, by day, channel and campaign. Filled from files.';
comment on column ad_spend.day is 'Day of the spend, in UTC.';
comment on column ad_spend.channel is 'Channel as in channel_rules.';
comment on column ad_spend.campaign is 'Campaign as in utm_campaign; empty: without a campaign.';
comment on column ad_spend.amount is 'Amount, in `currency`; 0 or more.';
comment on column ad_spend.currency is 'Currency of the amount.';

comment on table exchange_rates is
    'Rates to the reporting currency. A day without a rate has the last rate before it; the reporting currency has 1.';
comment on column exchange_rates.day is 'First day of the rate, in UTC.';
comment on column exchange_rates.currency is 'The converted currency.';
comment on column exchange_rates.rate is 'Value of one unit of `currency` in the reporting currency.';

comment on table channel_rules is
    'Rules that group traffic into channels; the matching rule of the lowest priority number decides. Traffic without any
label that no rule matches is Direct, and other traffic that no rule matches is Unassigned.';
comment on column channel_rules.priority is 'Order of the rules, from the lowest.';
comment on column channel_rules.source is
    'POSIX pattern found in utm_source, in any case; null: any. Missing labels are empty text.';
comment on column channel_rules.medium is 'POSIX pattern found in utm_medium, in any case; null: any.';
comment on column channel_rules.campaign is 'POSIX pattern found in utm_campaign, in any case; null: any.';
comment on column channel_rules.referrer is 'POSIX pattern found in the host of the referrer, in any case; null: any.';
comment on column channel_rules.channel is 'The channel of matching traffic.';
comment on column channel_rules.is_paid is 'The traffic is paid for.';

comment on table traffic is
    'Distinct combinations of the labels of clicks. Number 0 stands for (unattributed): checkouts without a touch.';
comment on column traffic.digest is 'Identifies the labels, which can be too long for an index.';
comment on column traffic.channel is 'Channel by the rules; null until the traffic is grouped.';
comment on column traffic.is_paid is 'The traffic is paid for, by the rules.';
comment on column traffic.rules is 'Digest of the rules that gave the channel.';
comment on column traffic.model_channel is
    'Channel by which the models were computed last; null before the first time.';

comment on view traffic_channels is
    'Traffic with its channel. A change of channel_rules regroups it in the same transaction.';
comment on column traffic_channels.traffic_id is 'Number of the traffic; 0 stands for (unattributed).';
comment on column traffic_channels.channel is 'Channel by channel_rules.';
comment on column traffic_channels.campaign is 'utm_campaign; empty when missing.';
comment on column traffic_channels.is_paid is 'The traffic is paid for, by channel_rules.';
comment on column traffic_channels.source is 'utm_source; empty when missing.';
comment on column traffic_channels.medium is 'utm_medium; empty when missing.';
comment on column traffic_channels.referrer_host is 'Host of the referrer; empty when missing.';

comment on function channel_of(text, text, text, text) is
    'Channel of traffic by source, medium, campaign and host of the referrer, each of which can be null.';
comment on function channel_rule_of(text, text, text, text) is
    'Channel as channel_of(), and whether the traffic is paid for.';
comment on function regroup_traffic() is
    'Groups the traffic that the current rules have not grouped yet; returns how much there was. Safe to repeat.';
comment on function traffic_digest(text, text, text, text) is 'Identity of traffic, from its labels without nulls.';
comment on function referrer_host(text) is 'Host of a referrer, in lower case; empty without one.';

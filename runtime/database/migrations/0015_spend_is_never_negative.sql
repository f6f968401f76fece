-- The loader refuses negative amounts, and says so too.
comment on column ad_spend.amount is
    'Amount, in `currency`; 0 or more. A credit note is subtracted from the spend of its day.';

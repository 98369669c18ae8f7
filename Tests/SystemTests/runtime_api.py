"""As much of Lambda's Runtime API as tells whether a function starts: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html."""

import json
import socket
import subprocess
from pathlib import Path

STARTED = "started"


def lambdas_own(name: str, folder: Path) -> dict[str, str]:
    """The variables that Lambda itself sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    return {
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_SESSION_TOKEN": "example",
        "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
        "AWS_LAMBDA_FUNCTION_NAME": f"tickertape-dev-{name}", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO", "AWS_LAMBDA_LOG_GROUP_NAME": "g",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s", "LAMBDA_TASK_ROOT": str(folder), "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": "bootstrap", "LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/task:/opt/lib"}


def start(program: Path, variables: dict[str, str]) -> str:
    """Starts a function with these variables and nothing else: `STARTED` if it asks for its first event, else why it did not."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(30)
        process = subprocess.Popen(
            [program], env={**variables, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}"}, cwd=program.parent,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            connection, _ = api.accept()
            with connection, connection.makefile("rb") as request:
                return first_word(request)
        except TimeoutError:
            return f"nothing in 30 seconds; exit code {process.poll()}"
        finally:
            process.kill()
            process.communicate()


def first_word(request) -> str:
    method, path, _ = request.readline().decode().split()
    if (method, path) == ("GET", "/2018-06-01/runtime/invocation/next"):
        return STARTED
    assert (method, path) == ("POST", "/2018-06-01/runtime/init/error"), (method, path)
    length = 0
    while (line := request.readline().strip()):
        name, _, value = line.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return json.loads(request.read(length))["errorMessage"]

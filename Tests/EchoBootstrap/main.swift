import LambdaRuntime
import Telemetry

LambdaRuntime.run(try Echo(failing: Environment.process["ECHO_CANNOT_START"] != nil))

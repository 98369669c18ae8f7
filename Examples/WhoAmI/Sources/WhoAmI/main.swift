import LambdaRuntime

LambdaRuntime.run(WhoAmI())

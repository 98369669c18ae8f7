import LambdaRuntime

LambdaRuntime.run(Echo())

# The whole system on one machine, as go run ./local starts it, for those who have no Go. What is deployed is not in it.
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/sms-api ./local

FROM gcr.io/distroless/static-debian12:nonroot
WORKDIR /sms-api
COPY --from=build /out/sms-api .
COPY Pulumi.dev.yaml .
USER nonroot
EXPOSE 8080 4566 8081
# Inside a container the loopback interface is nobody else's. Publish the ports on 127.0.0.1 only: nothing here asks who calls.
ENTRYPOINT ["./sms-api", "-anywhere", "-listen", "0.0.0.0:8080", "-aws", "0.0.0.0:4566", "-aligo", "0.0.0.0:8081"]

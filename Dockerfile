# Two stages: the binary is static and holds the time zones, so that the image needs
# nothing but it and the certificates of public authorities.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=${VERSION}" -o /onlooker ./cmd/onlooker \
 && mkdir /data && chown 65532:65532 /data && mkdir -m 1777 /scratch

FROM scratch
COPY --from=build /onlooker /usr/bin/onlooker
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /data /var/lib/onlooker
COPY --from=build /scratch /tmp
USER 65532:65532
VOLUME /var/lib/onlooker
EXPOSE 8417
# It asks the daemon over the socket in its data folder.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/usr/bin/onlooker", "health", "--data", "/var/lib/onlooker"]
ENTRYPOINT ["/usr/bin/onlooker"]
CMD ["serve", "--data", "/var/lib/onlooker"]

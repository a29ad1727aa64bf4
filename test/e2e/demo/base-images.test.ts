import { expect } from 'chai';
import { baseImages, libraryImage } from './base-images.ts';

describe('The base images of a Dockerfile', () => {
  it('are what it starts from, without its own stages', () => {
    const dockerfile =
      'FROM --platform=linux/amd64 golang:1.26 AS build\nRUN go build\nFROM build AS again\nFROM scratch\nCOPY --from=build /out /\n';
    expect(baseImages(dockerfile)).to.deep.equal(['golang:1.26']);
  });

  it('are what it copies from, too, but no stage by its number', () => {
    const dockerfile = 'FROM debian:bookworm-slim\nCOPY --from=busybox:1.37 /bin /b\nCOPY --from=0 /a /a\n';
    expect(baseImages(dockerfile)).to.deep.equal(['debian:bookworm-slim', 'busybox:1.37']);
  });

  it('have the ARG lines before them filled in', () => {
    expect(baseImages('ARG TAG=3.13-slim\nFROM python:${TAG}\n')).to.deep.equal(['python:3.13-slim']);
    expect(baseImages('FROM python:${TAG:-3.11-slim}\n')).to.deep.equal(['python:3.11-slim']);
  });
});

describe('The name of a Docker Hub library image', () => {
  it('is the same however it is written', () => {
    for (const reference of ['debian', 'library/debian', 'docker.io/library/debian:latest'])
      expect(libraryImage(reference)).to.equal('debian:latest');
  });

  it('is not given to the image of somebody else', () => {
    for (const reference of ['acme/debian:1', 'registry.example/debian:1', 'debian@sha256:00'])
      expect(libraryImage(reference)).to.equal(undefined);
  });
});

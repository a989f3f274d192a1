#!/bin/sh
# emcc with the JavaScript libraries of Debian, which a node from elsewhere would not find.
NODE_PATH=/usr/share/nodejs${NODE_PATH:+:$NODE_PATH} exec emcc "$@"

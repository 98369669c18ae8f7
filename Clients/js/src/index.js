export { connect } from './client.js';
export { createFollower } from './follower.js';
export { gunzip } from './unpacking.js';

"""What is known of the people in a video: samples, people, exports, reports."""

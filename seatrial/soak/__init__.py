"""False alarms: the gate on a healthy environment, many times over, in quiet and under noise that we make."""

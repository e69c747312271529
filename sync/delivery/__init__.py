"""What was approved is brought to Coupa: look, write, look again. The contract is the outbox table (docs/outbox.md).

permitted    which requests may be sent at all, whatever a row says
state_table  the outbox and the switches in the state store: opened, claimed, settled, with the audit trail
looks        whether an effect can be read back
write_client Coupa's answers as outcomes
delivering   one pass over what waits
recheck      what was delivered, looked up again
"""

"""What passes between the layers: small, and never changed once made.

request.py   what the caller asked for
settings.py  how the Http was set up at that moment
step.py      what policy asks for: a transfer, a call that may block, the answer of the same request
transfer.py  one request on the wire, and the reply
body.py      what is sent
response.py  what the caller gets: status and header fields, and the content
callsite.py  where in the caller's code a request was made
errors.py    exceptions that httplib2 does not have
uri.py       the origin of a URI
"""

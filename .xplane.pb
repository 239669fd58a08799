
	/host:CPU"vm